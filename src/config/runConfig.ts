import type * as tf from '@tensorflow/tfjs';
import type { OperatorFunction } from 'rxjs';

import type { SkipNonFiniteOptions } from '../../operators/skipNonFinite.js';
import type { CheckpointOptions } from '../checkpoint/checkpointEvery.js';
import type { Every } from '../checkpoint/cadence.js';
import type { Batch } from '../core/batch.js';
import type { TrainingEvent } from '../core/events.js';
import type { LossFunction } from '../core/loss.js';
import type { Metric, MetricFunction } from '../core/metric.js';
import type { Model } from '../core/model.js';
import type { Optimizer } from '../core/optimizer.js';
import type { EpochSource } from '../core/source.js';
import type { EngineName } from '../engine/engine.js';
import type { CallOf } from './call.js';
import type { FileData } from './fileData.js';
import type { LossName, MetricName, OperatorName } from './named.js';
import type { NamedOptimizer } from './optimizers.js';

type MetricConfig = MetricName | MetricFunction | Metric;

/** Batches: as code that gives them, or as a file. */
export type DataConfig = EpochSource<Batch> | FileData;

/** What a run is: what `gradstream train` does. All of it may be code; as JSON, names and paths say the same. */
export interface RunConfig {
  /** Makes the model, once there is an engine; or the `model.json` of a `tf.LayersModel`. */
  readonly model: ((library: typeof tf) => Model | Promise<Model>) | string;
  readonly data: {
    /** Its batches are those of all replicas together: each takes its part of every one, so that a run is the same with any number. See `shardBatches`. */
    readonly train: DataConfig;
    /** What `validateEvery` and `gradstream evaluate` go through. */
    readonly validation?: DataConfig;
    /** For `evaluate` and `predict` with `--data test`. */
    readonly test?: DataConfig;
  };
  readonly loss: LossFunction | LossName | CallOf<'huber'>;
  /** By name and options, so that `--set` can change them; or one that code has made, of which `--set` can change the learning rate. */
  readonly optimizer: NamedOptimizer | Optimizer;
  readonly metrics?: Readonly<Record<string, MetricConfig>> | readonly MetricName[];
  /** Micro-batches per optimizer step; 1 unless given. */
  readonly accumulate?: number;
  /** The largest global norm of the gradients. */
  readonly clipNorm?: number;
  /** Whether steps of NaN are skipped; see `skipNonFinite`. */
  readonly skipNonFinite?: boolean | SkipNonFiniteOptions;
  /** Of what is drawn in the run, such as dropout's masks; 0 unless given. Replicas count on from it, so that each draws its own. */
  readonly seed?: number;
  /** When to end; whichever comes first. One pass unless either is given. */
  readonly epochs?: number;
  readonly steps?: number;
  /** Steps from one validation to the next; without it the run does not validate. */
  readonly validateEvery?: number;
  /**
   * Whatever else the run does, in order, behind the validations and before the checkpoints: operators such as `ema('loss')`, any function
   * `(run$) => run$`, or calls as data such as `{ ema: ['loss', { alpha: 0.02 }] }`.
   */
  readonly operators?: readonly (OperatorFunction<TrainingEvent, TrainingEvent> | CallOf<OperatorName>)[];
  /** When to save, and what to keep; every 10 minutes unless given. A run is saved at its end in any case. */
  readonly checkpoint?: Pick<CheckpointOptions, 'keep' | 'best'> & { readonly every?: Every };
  /** Steps from one that is recorded to the next; 1 unless given. */
  readonly logEvery?: number;
  /** With replicas: milliseconds that each waits for the others at a step, before all fail; 10 minutes unless given. At the start, with engine and model, 2 minutes at least. */
  readonly timeoutMs?: number;
  /** What computes; the best that works, unless given. */
  readonly engine?: EngineName | 'auto';
  /** The run's folder; `runs/` and the name of the config's file, unless given. */
  readonly run?: string;
}

/**
 * A config as it is; typed, so that an editor knows what may be in it.
 *
 * A run that is data can be read, changed from the command line, and recorded beside what came of it.
 *
 * ```text
 * gradstream.config.ts  →  gradstream train gradstream.config.ts --set optimizer.learningRate=1e-4  →  runs/gradstream/
 * ```
 *
 * The file's default export. Paths in it are relative to the file. `gradstream train --help` says what the command line adds.
 *
 * @example
 * ```ts
 * export default defineConfig({
 *   model: (tf) => tf.sequential({ layers: [tf.layers.dense({ inputShape: [2], units: 2 })] }),
 *   data: { train: (epoch) => data.pipe(shuffle({ seed: 1, epoch }), batch(8)), validation: data.pipe(batch(64)) },
 *   loss: 'sparseSoftmaxCrossEntropy',
 *   optimizer: { name: 'adamw', learningRate: { warmup: [100, { cosine: [3e-3, 2000] }] } },
 *   accumulate: 4,
 *   metrics: ['accuracy'],
 *   steps: 2000,
 *   validateEvery: 100,
 *   operators: [ema('loss', { alpha: 0.05 }), stopEarly('validation.loss', { patience: 5 })],
 *   checkpoint: { every: '5min', best: { metric: 'validation.loss', mode: 'min' } },
 * });
 * ```
 */
export function defineConfig(config: RunConfig): RunConfig {
  return config;
}
