import * as tf from '@tensorflow/tfjs';
import { catchError, identity, lastValueFrom, of, tap, toArray, type OperatorFunction } from 'rxjs';
import { afterAll, beforeAll, expect, vi } from 'vitest';

import type { Batch } from '../../../src/core/batch.js';
import type { TrainingEvent } from '../../../src/core/events.js';
import type { CustomModel } from '../../../src/core/model.js';
import type { EpochSource } from '../../../src/core/source.js';
import { seededRandom } from '../../../src/data/random.js';
import { engine, type Engine } from '../../../src/engine/engine.js';
import type { Backend, Binding } from '../../../src/engine/compile/backend.js';
import { mse } from '../../../src/losses/mse.js';
import { adam } from '../../../src/optim/adam.js';
import { train, type TrainOptions } from '../../../src/trainer/train.js';

/** A custom model that can be freed, with variables of its own beside those that are trained. */
export interface OwnModel extends CustomModel {
  readonly others?: readonly tf.Variable[];
}

/** What a scenario trains. */
export type AnyModel = tf.LayersModel | OwnModel;

/** One run to be made twice: compiled and op by op. Everything in it is made anew for each. */
export interface Scenario<M extends AnyModel = AnyModel> {
  readonly model?: () => M;
  readonly batches?: () => EpochSource<Batch>;
  /** Unless given: mean squared error and Adam. */
  readonly options?: () => Partial<TrainOptions>;
  /** A stage behind the run. */
  readonly stage?: (model: M) => OperatorFunction<TrainingEvent, TrainingEvent>;
  /** Looks at the model, or changes something, after each event; what it returns must be the same in both runs. */
  readonly during?: (event: TrainingEvent, model: M) => unknown;
  /** How the run must fail. */
  readonly fails?: RegExp;
}

/** What a run was like, in numbers. */
export interface Outcome {
  readonly events: readonly TrainingEvent[];
  readonly seen: readonly unknown[];
  /** All variables of the model at the end, each as one list; moving statistics, too. */
  readonly weights: readonly (readonly number[])[];
  readonly error: string | undefined;
}

let opened: Engine;
let graphs = 0;

/** Has the tests of a file run on native TensorFlow. */
export function onNode(): void {
  beforeAll(async () => {
    opened = await engine('node');
    countGraphs();
    // Under it TensorFlow.js refuses the binding's fused kernels: they make tensors that the scope around them frees.
    tf.env().set('IS_TEST', false);
  }, 120_000); // a busy machine takes its time to load TensorFlow
  afterAll(async () => {
    tf.env().set('IS_TEST', true);
    await engine('cpu');
  });
}

/** Counts graphs that have been loaded and not been freed. */
function countGraphs(): void {
  const backend = tf.backend() as unknown as Backend;
  const { loadSavedModel, deleteSavedModel } = backend.binding;
  const counting: Pick<Binding, 'loadSavedModel' | 'deleteSavedModel'> = {
    loadSavedModel: (folder, tags) => {
      const id = loadSavedModel(folder, tags);
      graphs += 1;
      return id;
    },
    deleteSavedModel: (id) => {
      deleteSavedModel(id);
      graphs -= 1;
    },
  };
  // The binding itself is read-only.
  const binding = Object.create(backend.binding, Object.getOwnPropertyDescriptors(counting)) as Binding;
  Object.assign(backend, { binding });
}

/** What is alive: tensors by TensorFlow.js's count and by TensorFlow's own, and graphs. */
export function alive(): { readonly tensors: number; readonly handles: number; readonly graphs: number } {
  return { tensors: tf.memory().numTensors, handles: opened.liveHandles!(), graphs };
}

/** Expects no more to be alive than was; less, where an optimizer of TensorFlow.js has made its scalars anew and not used them yet. */
export function expectNoneLeft(before: ReturnType<typeof alive>): void {
  const now = alive();
  expect(now.graphs, 'graphs left behind').toBe(before.graphs);
  expect(now.tensors, 'tensors left behind').toBe(before.tensors);
  expect(now.handles, 'native tensors left behind').toBeLessThanOrEqual(before.handles);
}

/** Numbers between -1 and 1, the same for the same seed. */
export function randomArray(shape: readonly number[], seed: number): { data: Float32Array; shape: readonly number[] } {
  const random = seededRandom(seed, 'array');
  const size = shape.reduce((product, length) => product * length, 1);
  return { data: Float32Array.from({ length: size }, () => 2 * random.nextFloat() - 1), shape };
}

/** Batches of so many samples each; `weights[i]` is that of the i-th. */
export function randomBatches(
  sizes: readonly number[],
  { inputs = [3], labels = [2], weights = [] }: BatchOptions = {},
): Batch[] {
  return sizes.map((size, i) => ({
    xs: randomArray([size, ...inputs], 2 * i),
    ys: randomArray([size, ...labels], 2 * i + 1),
    ...(weights[i] !== undefined && { weight: weights[i] }),
  }));
}

interface BatchOptions {
  readonly inputs?: readonly number[];
  readonly labels?: readonly number[];
  readonly weights?: readonly Batch['weight'][];
}

/** Four batches of four samples and a short last one. */
export const RAGGED = [4, 4, 4, 4, 2];
/** Five batches of one size, for which one graph will do. */
export const EVEN = [4, 4, 4, 4, 4];

/** Layers one behind the other, with weights by a formula. */
export function layers(inputShape: readonly number[], ...each: tf.layers.Layer[]): tf.LayersModel {
  return filled(tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [...inputShape] }), ...each] }));
}

/** Sets what is trained in a model to values of its own formula, the same whenever it is built. */
export function filled<M extends tf.LayersModel>(model: M): M {
  model.trainableWeights.forEach((weight, i) => {
    tf.tidy(() => {
      const { data, shape } = randomArray(weight.shape as number[], 1000 + i);
      weight.write(tf.mul(tf.tensor(data, [...shape]), 0.6));
    });
  });
  return model;
}

/** Two dense layers. */
export function dense(): tf.LayersModel {
  return layers([3], tf.layers.dense({ units: 4, activation: 'tanh' }), tf.layers.dense({ units: 2 }));
}

/** x·w + b, which `then` may do something to; `others` are variables that are not trained. */
export function linear(
  then: (y: tf.Tensor, others: tf.Variable[], training: boolean) => tf.Tensor = identity,
  others: tf.Variable[] = [],
): OwnModel {
  const [w, b] = [variable([3, 2], 1), variable([2], 2)];
  return {
    variables: [w, b],
    others,
    apply: (xs: tf.Tensor2D, { training }) => then(tf.add(tf.matMul(xs, w as tf.Tensor2D), b), others, training),
  };
}

let variables = 0;

/** A variable with values by a formula. */
export function variable(shape: readonly number[], seed: number, trainable = true): tf.Variable {
  const { data } = randomArray(shape, 2000 + seed);
  return tf.tidy(() => tf.variable(tf.mul(tf.tensor(data, [...shape]), 0.6), trainable, `v${variables++}`));
}

export function variablesOf(model: AnyModel): readonly tf.Variable[] {
  return model instanceof tf.LayersModel
    ? model.weights.map((weight) => weight.read() as tf.Variable)
    : [...model.variables, ...(model.others ?? [])];
}

export function free(model: AnyModel): void {
  if (model instanceof tf.LayersModel) model.dispose();
  else tf.dispose([...variablesOf(model)]);
}

/** Makes a run and frees everything; fails if anything is left. */
export async function outcomeOf<M extends AnyModel>(
  compile: boolean | 'auto',
  {
    model: make = dense as () => M,
    batches = () => randomBatches(EVEN),
    options,
    stage = () => identity,
    during,
  }: Scenario<M>,
): Promise<Outcome> {
  const given = { loss: mse, optimizer: adam({ learningRate: 0.01 }), ...options?.() };
  const before = alive();
  const model = make();
  const [events, seen]: [TrainingEvent[], unknown[]] = [[], []];
  let error: string | undefined;
  await lastValueFrom(
    train(model, batches(), { ...given, compile }).pipe(
      stage(model),
      tap((event) => {
        events.push(event);
        seen.push(during?.(event, model));
      }),
      toArray(),
      catchError((thrown: unknown) => of(void (error = nameOf(thrown)))),
    ),
  );
  const weights = variablesOf(model).map((weight) => [...weight.dataSync()]);
  free(model);
  expectNoneLeft(before);
  return { events, seen, weights, error };
}

/** Makes a run op by op and compiled, and expects the same of both. */
export async function expectSame<M extends AnyModel>(scenario: Scenario<M>): Promise<Outcome> {
  const eager = await outcomeOf(false, scenario);
  const compiled = await outcomeOf(true, scenario);
  expectNear(compiled, eager);
  if (scenario.fails) expect(compiled.error).toMatch(scenario.fails);
  else expect(compiled.error).toBeUndefined();
  return compiled;
}

/** Expects what two runs have given to be the same: events to 1e-5, weights to 1e-4 of the largest in each variable. */
export function expectNear(actual: Outcome, expected: Outcome): void {
  const { weights: a, ...said } = actual;
  const { weights: b, ...wanted } = expected;
  expect([...differences(said, wanted, 1e-5), ...a.flatMap((each, i) => apart(each, b[i]!, i))]).toStrictEqual([]);
}

/** The error's class and message, without the numbers in names: no two models share them. */
function nameOf(error: unknown): string {
  return String(error).replace(/(?<=[a-z])\d+/gi, '');
}

function apart(actual: readonly number[], expected: readonly number[], which: number): string[] {
  const size = Math.max(...expected.map(Math.abs).filter(Number.isFinite), 1e-3);
  return differences(actual, expected, 1e-4 * size, `weights ${which}`);
}

/** Where two values differ: numbers by more than `tolerance`, or by that share of their size; anything else by anything. */
function differences(actual: unknown, expected: unknown, tolerance: number, path = ''): string[] {
  if (typeof actual === 'number' && typeof expected === 'number') {
    const near = Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected));
    return near || Object.is(actual, expected) ? [] : [`${path}: ${actual}, expected ${expected}`];
  }
  if (isRecord(actual) && isRecord(expected)) {
    const keys = new Set([...Object.keys(actual), ...Object.keys(expected)]);
    return [...keys].flatMap((key) => differences(actual[key], expected[key], tolerance, `${path} ${key}`.trim()));
  }
  return actual === expected ? [] : [`${path}: ${String(actual)}, expected ${String(expected)}`];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** What is said by `console.warn` while `work` goes on. */
export async function warningsOf(work: () => Promise<unknown>): Promise<string[]> {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  try {
    await work();
    return warn.mock.calls.map(String);
  } finally {
    warn.mockRestore();
  }
}
