import { CompileError } from '../../core/errors.js';
import type { GraphNode } from './graph.js';
import { randomOf, type Random } from './random.js';
import type { HostTensor, Recording } from './record.js';

/** A tensor that the step makes on the host: the same each time, or drawn anew. */
export interface Settled extends HostTensor {
  readonly random?: Random;
}

/**
 * Tells the host's constants from its random numbers, by what two recordings of a step on the same batch and weights have in common.
 *
 * @throws {@link CompileError} if they differ in anything else: such a step depends on something that a graph does not see.
 */
export function settle(first: Recording<unknown>, second: Recording<unknown>): Settled[] {
  second.nodes.forEach((node, i) => assertSame(first.nodes[i], node));
  assertSame(first.nodes[second.nodes.length], undefined);
  return second.hosts.map((host, i) => {
    if (sameBytes(first.hosts[i]!, host)) return host;
    const random = randomOf(host.values, second.seeds);
    if (random) return { ...host, random };
    throw new CompileError(
      `${host.op} takes a tensor that the step makes anew each time, of numbers from no distribution that is known`,
    );
  });
}

function assertSame(first: GraphNode | undefined, second: GraphNode | undefined): void {
  if (JSON.stringify(first) === JSON.stringify(second)) return;
  const [one, other] = [first?.op ?? 'nothing', second?.op ?? 'nothing'];
  throw new CompileError(
    one === other
      ? `${one} is run in another way each time`
      : `the step runs ${one} one time and ${other} another time, on the same batch`,
  );
}

/** Whether two tensors hold the same numbers, NaN included. */
function sameBytes(a: HostTensor, b: HostTensor): boolean {
  return a.values.length === b.values.length && a.values.every((value, i) => Object.is(value, b.values[i]));
}
