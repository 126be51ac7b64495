import type * as tf from '@tensorflow/tfjs';

import type { StepPlan } from '../../core/compiler.js';
import { CompileError } from '../../core/errors.js';
import type { OptimizerState } from '../../core/optimizer.js';
import { flatten } from '../../core/weights.js';
import type { Backend } from './backend.js';
import { LIMIT, RATE, SCALE } from './finish.js';
import { SEED } from './program.js';
import type { Fed } from './feed.js';
import type { Expected } from './recordProgram.js';
import { SUM, type StepGraph } from './stepGraph.js';

/** How far a compiled step may be from the eager one, as a share of the largest number of its kind (DECISIONS.md). */
const TOLERANCE = 1e-4;
/** A gradient this much smaller than the largest is held against that: at 1e-6 of it, float32 rounds. */
const SMALL = 1e-2;
const RATE_OF_CHECK = 2 ** -10;

/**
 * Runs a pass in the graph and holds its loss, metrics and gradients against what the eager pass has given.
 *
 * @throws {@link CompileError} that says what differs by how much.
 */
export function checkPass(library: typeof tf, graph: StepGraph, index: number, fed: Fed, expected: Expected): void {
  const { feeds, fetches } = graph.programs[index]!;
  library.tidy(() => {
    const given: Record<string, tf.Tensor> = {};
    feeds.forEach((name, i) => (given[name] = fed.tensors[i]!));
    const drawn = Object.entries(expected.drawn);
    if (drawn.length > 0) given[SEED] = library.tensor1d([0, 0], 'int32');
    for (const [name, { values, shape }] of drawn) given[`pass${index}/${name}`] = library.tensor(values, [...shape]);
    const scalars = graph.run(given, fetches.open);
    scalars.forEach((scalar, i) => {
      assertNear(i ? 'a metric' : 'the loss', read(library, scalar), [expected.scalars[i]!]);
    });
    const [sum] = graph.run({ [SCALE]: library.scalar(1) }, [SUM]);
    const sums = read(library, sum!);
    // A gradient that is 0 but for rounding (of a bias before a batch norm) is held against the others.
    const least = SMALL * Math.max(...expected.gradients.map(largest));
    let begin = 0;
    for (const gradient of expected.gradients) {
      const part = sums.subarray(begin, (begin += gradient.length));
      assertNear('a gradient', part, gradient, least);
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
    const { scalar, sub, tensor } = library;
    const gradients = weights.slots.map(({ shape }, i) => tensor(expected.gradients[i]!, [...shape]));
    const before = flatten(weights.variables);
    const { feeds, fetches } = graph.programs[0]!;
    const fed = Object.fromEntries([...gradients, scalar(0)].map((value, i) => [feeds[i]!, value]));
    graph.run(fed, fetches.open);
    const limit = clips ? { [LIMIT]: scalar(2 ** 127) } : {};
    graph.run({ [SCALE]: scalar(1), [RATE]: scalar(RATE_OF_CHECK), ...limit }, [graph.finish.done]);
    const after = graph.run({}, weights.variables.map((_, i) => `read/weight/${i}`)); // prettier-ignore
    const { weights: wanted } = optimizer.update(flatten(gradients), state, before, RATE_OF_CHECK);
    assertNear('the update', read(library, sub(flatten(after), before)), read(library, sub(wanted, before)));
  });
}

function read(library: typeof tf, { dataId }: tf.Tensor): Float32Array {
  return (library.backend() as unknown as Backend).readSync(dataId) as Float32Array;
}

/** Throws if the numbers are further apart than the tolerance, as a share of the largest of them or of `least`. */
function assertNear(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>, least = 0): void {
  const off = furthest(actual, expected) / Math.max(largest(expected), least, Number.MIN_VALUE);
  if (off <= TOLERANCE) return;
  throw new CompileError(`${what} differs from the eager step's by ${off.toPrecision(2)} of its size`);
}

/** The largest difference of numbers at the same place. Loops: there may be as many as a model has weights. */
function furthest(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < expected.length; i++) {
    const [given, wanted] = [actual[i]!, expected[i]!];
    if (Object.is(given, wanted)) continue; // Infinity or NaN in both
    const off = Math.abs(given - wanted);
    if (!Number.isFinite(off)) return Infinity;
    if (off > most) most = off;
  }
  return most;
}

function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]!);
    if (size > most && size < Infinity) most = size;
  }
  return most;
}
