import * as tf from '@tensorflow/tfjs';

import type { StepPlan } from '../../../src/core/compiler.js';
import type { LossFunction } from '../../../src/core/loss.js';
import { weightsOf } from '../../../src/core/weights.js';
import type { Backend } from '../../../src/engine/compile/backend.js';
import { feed } from '../../../src/engine/compile/feed.js';
import { improve } from '../../../src/engine/compile/improve.js';
import { pairsOf } from '../../../src/engine/compile/pairs.js';
import type { Program } from '../../../src/engine/compile/program.js';
import { recordProgram } from '../../../src/engine/compile/recordProgram.js';
import { SCALE } from '../../../src/engine/compile/finish.js';
import { openStep, SUM } from '../../../src/engine/compile/stepGraph.js';
import { updateOf } from '../../../src/engine/compile/updateOf.js';
import { weightGroups } from '../../../src/engine/compile/weightGroups.js';
import { mse } from '../../../src/losses/mse.js';
import { sgd } from '../../../src/optim/sgd.js';
import { free, randomArray, variable } from './support.js';

/** A pass: what is made of inputs and variables, and what it is held against. */
export interface Pass {
  /** The shape of the inputs, and of the labels unless they are given. */
  readonly inputs: readonly number[];
  readonly variables: readonly (readonly number[])[];
  readonly labels?: { readonly data: Int32Array | Float32Array; readonly shape: readonly number[] };
  readonly apply: (xs: tf.Tensor, ...variables: tf.Tensor[]) => tf.Tensor;
  readonly loss?: LossFunction;
}

/** What has become of a recorded pass. */
export interface Improved {
  readonly recorded: Program;
  readonly better: Program;
  /** How far loss and gradients are from those of the eager pass at most, as a share of the largest number of their kind. */
  readonly off: number;
}

/** Records a pass, improves it, and runs it as a graph. */
export function improved({ inputs, variables: shapes, labels, apply, loss = mse }: Pass): Improved {
  const variables = shapes.map((shape, i) => variable(shape, i));
  const model = { variables, apply: (xs: tf.Tensor) => apply(xs, ...variables) };
  try {
    let result: Improved | undefined;
    tf.tidy(() => {
      const batch = { xs: randomArray(inputs, 8), ys: labels ?? randomArray(inputs, 9) };
      result = ofPlan({ ...PLAN, model, loss, weights: weightsOf(model) }, feed(tf, batch));
    });
    return result!;
  } finally {
    free(model);
  }
}

const PLAN = {
  metrics: {},
  optimizer: sgd({ learningRate: 0.1 }),
  clips: false,
  skips: false,
  xla: false,
  seed: 0,
  recovers: false,
  strict: true,
};

function ofPlan(plan: StepPlan, fed: ReturnType<typeof feed>): Improved {
  const { weights } = pairsOf(tf, plan);
  const { program: recorded, expected } = recordProgram(tf, { plan, weights, others: [], microStep: 1 }, fed);
  const better = improve(recorded);

  const state = plan.optimizer.init(plan.weights.slots);
  const targets = weights.map(({ inGraph }) => inGraph);
  const groups = weightGroups(plan.optimizer, plan.weights.slots, targets);
  const update = updateOf(tf, plan, state, groups, targets);
  const graph = openStep(
    tf.backend() as unknown as Backend,
    plan,
    [better],
    weights,
    [],
    groups,
    update,
    update.split(state),
  );
  const { feeds, fetches } = graph.programs[0]!;
  const [value] = graph.run(Object.fromEntries(feeds.map((name, i) => [name, fed.tensors[i]!])), fetches.open);
  const sums = graph.run({ [SCALE]: tf.scalar(1) }, [SUM])[0]!.dataSync();
  graph.close();

  let begin = 0;
  const offs = expected.gradients.map((wanted) => offOf(sums.slice(begin, (begin += wanted.length)), wanted));
  return { recorded, better, off: Math.max(offOf(value!.dataSync(), expected.scalars), ...offs) };
}

function offOf(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [largest, furthest] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]!));
    furthest = Math.max(furthest, Math.abs(actual[i]! - expected[i]!));
  }
  return furthest / largest;
}

/** How often ops are run. */
export function countsOf({ nodes }: Program, ops: readonly string[]): Record<string, number> {
  return Object.fromEntries(ops.map((op) => [op, nodes.filter((node) => node.op === op).length]));
}
