import { CompileError } from '../../core/errors.js';
import { RATE } from './finish.js';
import { addConstant, addFloat, FLOAT, type Graph } from './graph.js';
import type { HostTensor } from './record.js';

/** Learning rates to try an optimizer with, so far apart that what depends on them can be told. */
export const RATES: readonly [number, number, number] = [2 ** -10, 1, 0.5];

/** A host tensor of an update: `slope` times the learning rate plus `offset`, and the offset alone if it does not depend on the rate. */
export interface ByRate {
  readonly host: HostTensor;
  readonly slope?: Float32Array;
  readonly offset: HostTensor['values'];
}

/** A host tensor by the learning rate, of what it was for each of {@link RATES}. */
export function byRate(
  low: HostTensor,
  high: HostTensor | undefined,
  middle: HostTensor | undefined,
  name: string,
): ByRate {
  if (!high || !middle || high.values.length !== low.values.length)
    throw new CompileError(`the update of ${name} runs other ops for other learning rates`);
  if (low.values.every((value, i) => value === high.values[i])) return { host: low, offset: low.values };
  const slope = Float32Array.from(high.values, (value, i) => (value - low.values[i]!) / (RATES[1] - RATES[0]));
  const offset = Float32Array.from(high.values, (value, i) => value - RATES[1] * slope[i]!);
  const affine = slope.every((factor, i) => {
    const [expected, actual] = [factor * RATES[2] + offset[i]!, middle.values[i]!];
    return Math.abs(expected - actual) <= 1e-5 * Math.abs(actual);
  });
  if (low.dtype !== FLOAT || !affine)
    throw new CompileError(`the update of ${name} hands ${low.op} a number that is not linear in the learning rate`);
  return { host: low, slope, offset };
}

/** Adds a host tensor that depends on the learning rate. */
export function addByRate(graph: Graph, name: string, { host, slope, offset }: ByRate): void {
  if (!slope) {
    addConstant(graph, name, host);
    return;
  }
  addConstant(graph, `${name}/slope`, { ...host, values: slope });
  addConstant(graph, `${name}/offset`, { ...host, values: offset });
  addFloat(graph, `${name}/product`, 'Mul', [RATE, `${name}/slope`]);
  addFloat(graph, name, 'AddV2', [`${name}/product`, `${name}/offset`]);
}
