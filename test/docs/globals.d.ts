// What code blocks speak of without declaring it.
import type * as Tensorflow from '@tensorflow/tfjs';
import type * as Gradstream from 'gradstream';
import type * as Rxjs from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';

declare global {
  const tf: typeof Tensorflow;
  const model: Tensorflow.LayersModel;
  const batches: Iterable<Gradstream.Batch>;
  const held: Iterable<Gradstream.Batch>;
  const data: ReturnType<typeof Gradstream.fromArrays>;
  const shards: Iterable<Gradstream.Batch>[];
  const steps$: Rxjs.Observable<never>;
  const events$: Rxjs.Observable<Gradstream.StepEvent>;
  const options: Gradstream.TrainOptions;
  const optimizer: Gradstream.Optimizer;
  const state: Gradstream.OptimizerState;
  const named: Gradstream.NamedSlots;
  const weights: Gradstream.Weights;
  const source: Rxjs.Observable<Gradstream.MicroStep>;
  const countCorrect: Gradstream.MetricFunction;
  const save: (event: Gradstream.StepEvent) => Promise<void>;
  const file: Gradstream.Sink<Gradstream.TrainingEvent>;
  const m: RunHelpers & { expect(actual: unknown): { toBeObservable(expected: unknown, values?: unknown): void } };
}
