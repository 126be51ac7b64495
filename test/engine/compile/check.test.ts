import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import * as tf from '@tensorflow/tfjs';
import { lastValueFrom, toArray } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { trainStep } from '../../../operators/trainStep.js';
import { ArgumentError, CompileError } from '../../../src/core/errors.js';
import type { Optimizer } from '../../../src/core/optimizer.js';
import type { Binding } from '../../../src/engine/compile/backend.js';
import type { Program } from '../../../src/engine/compile/program.js';
import { withXla } from '../../../src/engine/compile/xla.js';
import { mse } from '../../../src/losses/mse.js';
import { adam } from '../../../src/optim/adam.js';
import { sgd } from '../../../src/optim/sgd.js';
import { train, type TrainOptions } from '../../../src/trainer/train.js';
import { batchesOf } from '../../support/line.js';
import { absent, INSTALLED } from '../node/installed.js';
import { onNode } from './support.js';

/** What a rule that is wrong would do to a program. */
let spoil = (program: Program): Program => program;
vi.mock(import('../../../src/engine/compile/improve.js'), async (original) => {
  const { improve } = await original();
  return { improve: (program: Program) => spoil(improve(program)) };
});

/** Two variables of one shape, whose gradients differ; `mean` is a metric. */
function model() {
  const variables = [1, 2].map((value) => tf.tidy(() => tf.variable(tf.fill([2, 1], value))));
  const [a, b] = variables as [tf.Variable<tf.Rank.R2>, tf.Variable<tf.Rank.R2>];
  return { variables, apply: (xs: tf.Tensor2D) => tf.matMul(xs, tf.add(a, tf.mul(b, 3)) as tf.Tensor2D) };
}

async function run(options: Partial<TrainOptions> = {}): Promise<{ losses: number[]; weights: number[] }> {
  const own = model();
  try {
    const events = await lastValueFrom(
      train(own, batchesOf([4, 4, 4]), {
        loss: mse,
        optimizer: sgd({ learningRate: 0.1 }),
        metrics: { mean: (_: unknown, given: unknown) => tf.mean(given as tf.Tensor, -1) },
        ...options,
      }).pipe(toArray()),
    );
    const losses = events.flatMap((event) => (event.type === 'step' ? [event.loss] : []));
    return { losses, weights: own.variables.flatMap((variable) => [...variable.dataSync()]) };
  } finally {
    tf.dispose(own.variables);
  }
}

/** Says that it is gradient descent, and is not. */
const liar = (): Optimizer => ({ ...adam({ learningRate: 0.1 }), formula: sgd().formula! });

describe.skipIf(absent)(`a graph that computes something else ${INSTALLED}`, () => {
  onNode();
  afterEach(() => {
    spoil = (program) => program;
    vi.restoreAllMocks();
  });

  it.each<[string, (program: Program) => Program, Partial<TrainOptions>, RegExp]>([
    ['loss', (program) => ({ ...program, loss: program.metrics[0]! }), {}, /the loss differs from the eager step's by/],
    ['metric', (program) => ({ ...program, metrics: [program.loss] }), {}, /a metric differs/],
    ['gradient', (program) => ({ ...program, gradients: [...program.gradients].reverse() }), {}, /a gradient differs/],
    ['update', (program) => program, { optimizer: liar() }, /the update differs/],
  ])(
    'is found by its %s: with auto the run goes on op by op, with true it ends',
    async (_, wrong, options, message) => {
      const eager = await run({ ...options, compile: false });
      spoil = wrong;
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
      expect(await run(options)).toStrictEqual(eager);
      expect(warn.mock.calls).toStrictEqual([[expect.stringMatching(message)]]);
      const failed = run({ ...options, compile: true });
      await expect(failed).rejects.toThrow(CompileError);
      await expect(failed).rejects.toThrow(message);
    },
  );
});

describe.skipIf(absent)(`compile: { xla } ${INSTALLED}`, () => {
  onNode();

  it.each([true, false, 'auto'] as const)('%s trains as the eager pipe does', async (xla) => {
    const [eager, compiled] = [await run({ compile: false }), await run({ compile: { xla } })];
    compiled.losses.forEach((loss, i) => expect(loss).toBeCloseTo(eager.losses[i]!, 5));
    compiled.weights.forEach((weight, i) => expect(weight).toBeCloseTo(eager.weights[i]!, 5));
  });

  it('marks the nodes of the pass for XLA', () => {
    const node = { name: 'a', op: 'Neg', input: ['feed0'], attr: { T: { type: 1 } } };
    const [marked] = withXla({ nodes: [node] } as unknown as Program).nodes;
    expect(marked).toMatchObject({ ...node, attr: { ...node.attr, _XlaCompile: { b: true } } });
  });

  it.each([
    [true, false, true],
    [false, true, false],
    ['auto', false, false],
    ['auto', true, true],
  ] as const)('%s, on a GPU %s: what is loaded is marked %s', async (xla, isUsingGpuDevice, isMarked) => {
    const backend = tf.backend() as unknown as { binding: Binding; isUsingGpuDevice: boolean };
    const { binding, isUsingGpuDevice: was } = backend;
    const marked = new Set<boolean>();
    const loadSavedModel = (folder: string, tags: string): number => {
      marked.add(readFileSync(join(folder, 'saved_model.pb')).includes('_XlaCompile'));
      return binding.loadSavedModel(folder, tags);
    };
    try {
      Object.assign(backend, { binding: Object.create(binding, { loadSavedModel: { value: loadSavedModel } }), isUsingGpuDevice }); // prettier-ignore
      await run({ compile: { xla } });
    } finally {
      Object.assign(backend, { binding, isUsingGpuDevice: was });
    }
    expect([...marked]).toStrictEqual([isMarked]);
  });
});

describe('trainStep', () => {
  it.each([{}, { xla: 'yes' }, { xla: {} }, 'no', 1])('refuses compile: %j', (compile) => {
    const options = { loss: mse, optimizer: sgd(), compile: compile as never };
    const own = model();
    const attempt = (): unknown => trainStep(own, options);
    expect(attempt).toThrow(ArgumentError);
    tf.dispose(own.variables);
  });
});
