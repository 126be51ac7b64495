import type * as tf from '@tensorflow/tfjs';

import type { StepPlan } from '../../core/compiler.js';
import { CompileError } from '../../core/errors.js';
import type { OptimizerState } from '../../core/optimizer.js';
import { flatten } from '../../core/weights.js';
import type { Backend } from './backend.js';
import { LIMIT, RATE, SCALE } from './finish.js';
import { SEED } from './program.js';
import type { Expected, Fed } from './recordProgram.js';
import { SUM, type StepGraph } from './stepGraph.js';

/** How far a compiled step may be from the eager one, as a share of the largest number of its kind (DECISIONS.md). */
const TOLERANCE = 1e-4;
const RATE_OF_CHECK = 2 ** -10;

/**
 * Runs a pass in the graph and holds its loss, metrics and gradients against what the eager pass has given.
 *
 * @throws {@link CompileError} that says what differs by how much.
 */
export function checkPass(library: typeof tf, graph: StepGraph, index: number, fed: Fed, expected: Expected): void {
  const { feeds, fetches } = graph.programs[index]!;
  library.tidy(() => {
    const drawn = Object.entries(expected.drawn).map(([name, { values, shape }]) => [
      `pass${index}/${name}`,
      library.tensor(values, [...shape]),
    ]);
    const batch = feeds.map((name, i) => [name, fed.tensors[i]!]);
    const seed = library.tensor1d([0, 0], 'int32');
    const scalars = graph.run({ ...Object.fromEntries([...batch, ...drawn]), [SEED]: seed }, fetches.open);
    scalars.forEach((scalar, i) => {
      assertNear(i ? 'a metric' : 'the loss', read(library, scalar), [expected.scalars[i]!]);
    });
    const [sum] = graph.run({}, [SUM]);
    let begin = 0;
    for (const gradient of expected.gradients) {
      const part = read(library, sum!).slice(begin, (begin += gradient.length));
      assertNear('a gradient', part, gradient);
    }
  });
}

/** Runs an update in the graph by the gradients of the eager pass, and holds the weights against those that the optimizer gives. */
export function checkUpdate(
  library: typeof tf,
  graph: StepGraph,
  { optimizer, weights, clips }: StepPlan,
  state: OptimizerState,
  expected: Expected,
): void {
  library.tidy(() => {
    const { scalar, sub, tensor1d } = library;
    const gradients = tensor1d(Float32Array.from(expected.gradients.flatMap((part) => Array.from(part))));
    const before = flatten(weights.variables);
    const { feeds, fetches } = graph.programs[0]!;
    graph.run({ [feeds[0]!]: gradients, [feeds[1]!]: scalar(0) }, fetches.open);
    const limit = clips ? { [LIMIT]: scalar(2 ** 127) } : {};
    graph.run({ [SCALE]: scalar(1), [RATE]: scalar(RATE_OF_CHECK), ...limit }, [graph.finish.done]);
    const after = graph.run({}, weights.variables.map((_, i) => `read/weight/${i}`)); // prettier-ignore
    const { weights: wanted } = optimizer.update(gradients, state, before, RATE_OF_CHECK);
    assertNear('the update', read(library, sub(flatten(after), before)), read(library, sub(wanted, before)));
  });
}

function read(library: typeof tf, { dataId }: tf.Tensor): Float32Array {
  return (library.backend() as unknown as Backend).readSync(dataId) as Float32Array;
}

function assertNear(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  const off = difference(actual, expected);
  if (off <= TOLERANCE) return;
  throw new CompileError(`${what} differs from the eager step's by ${off.toPrecision(2)} of its size`);
}

/** Where two lists of numbers differ the most, as a share of the largest number among them. */
function difference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [largest, furthest] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [actual[i]!, expected[i]!];
    if (Object.is(a, b)) continue; // Infinity or NaN in both
    if (!Number.isFinite(a - b)) return Infinity;
    largest = Math.max(largest, Math.abs(b));
    furthest = Math.max(furthest, Math.abs(a - b));
  }
  return furthest === 0 ? 0 : furthest / Math.max(largest, 1e-12);
}
