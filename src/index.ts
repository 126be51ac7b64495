// Engine
export { engine, useTensorFlow, type Engine, type EngineName, type EngineOptions } from './engine/engine.js';
export { InstallError } from './engine/node/install/installError.js';

// Trainer
export { eventLine } from './trainer/eventLine.js';
export { batchSizeProbe, type BatchSizeProbeOptions, type BatchSizeTrial } from './trainer/batchSizeProbe.js';
export { evaluate, type EvaluateOptions } from './trainer/evaluate.js';
export { fork } from './trainer/fork.js';
export { learningRateRangeTest, type RangeTestOptions, type RangeTestPoint } from './trainer/learningRateRangeTest.js';
export { predict } from './trainer/predict.js';
export { replay } from './trainer/replay.js';
export { suggestLearningRate } from './trainer/suggestLearningRate.js';
export { train, type TrainOptions } from './trainer/train.js';

// Config of the command line
export { defineConfig, type DataConfig, type RunConfig } from './config/runConfig.js';

// Data
export { batch, type BatchOptions } from './data/batch.js';
export { csv, type CsvOptions } from './data/csv.js';
export { epochs } from './data/epochs.js';
export { fromArrays, type OneOf, type SamplesValue, type SamplesValues } from './data/fromArrays.js';
export { jsonl, type JsonlOptions } from './data/jsonl.js';
export { mapAsync, type MapAsyncOptions } from './data/mapAsync.js';
export { ndArray, type DType, type NestedNumbers } from './data/ndArray.js';
export { randomFromState, seededRandom, type Random, type RandomState } from './data/random.js';
export { type Sample, type SampleValues } from './data/sample.js';
export { shard } from './data/shard.js';
export { shardBatches } from './data/shardBatches.js';
export { skipCorrupt, type SkipCorruptOptions } from './data/skipCorrupt.js';
export { shuffle, type ShuffleOptions } from './data/shuffle.js';
export { timeout, type TimeoutOptions } from './data/timeout.js';
export { type TextSource } from './data/textChunks.js';

// Operators, in the order of the pipeline
export { fromPull, type FromPullOptions } from './core/fromPull.js';
export { mergeReplicas, type MergeReplicasOptions } from '../operators/mergeReplicas.js';
export { forward, type ForwardOptions } from '../operators/forward.js';
export { retryWithSmallerBatches } from '../operators/retryWithSmallerBatches.js';
export { backward } from '../operators/backward.js';
export { accumulate, type AccumulateOptions } from '../operators/accumulate.js';
export { allReduce, type AllReduceOptions } from '../operators/allReduce.js';
export { gradientHistograms } from '../operators/gradientHistograms.js';
export { skipNonFinite, type SkipNonFiniteOptions } from '../operators/skipNonFinite.js';
export { clipByGlobalNorm } from '../operators/clipByGlobalNorm.js';
export { clipByValue } from '../operators/clipByValue.js';
export { optimizerStep } from '../operators/optimizerStep.js';
export { trainStep, type TrainStepOptions } from '../operators/trainStep.js';
export { localSteps, type LocalStepsOptions } from '../operators/localSteps.js';
export { averageWeights, type AverageWeightsOptions } from '../operators/averageWeights.js';
export { weightHistograms } from '../operators/weightHistograms.js';
export { validateEvery } from '../operators/validateEvery.js';
export { readback, type ReadbackOptions } from '../operators/readback.js';
export { changes } from '../operators/changes.js';
export { ema, type EmaOptions } from '../operators/ema.js';
export { reduceOnPlateau, type ReduceOnPlateauOptions } from '../operators/reduceOnPlateau.js';
export { stopEarly, type StopEarlyOptions } from '../operators/stopEarly.js';
export { untilMetric, type Goal } from '../operators/untilMetric.js';
export { maxDuration } from '../operators/maxDuration.js';
export { throughput } from '../operators/throughput.js';
export { stepTimes } from '../operators/stepTimes.js';
export { logEvery } from '../operators/logEvery.js';
export { gate } from '../operators/gate.js';
export { tee, type Sink, type TeeOptions } from '../operators/tee.js';
export { waitMap, waitUntil } from './core/run.js';

// Losses and metrics
export { huber } from './losses/huber.js';
export { mae } from './losses/mae.js';
export { mse } from './losses/mse.js';
export { sigmoidCrossEntropy } from './losses/sigmoidCrossEntropy.js';
export { softmaxCrossEntropy } from './losses/softmaxCrossEntropy.js';
export { sparseSoftmaxCrossEntropy } from './losses/sparseSoftmaxCrossEntropy.js';
export { accuracy } from './metrics/accuracy.js';
export { binaryAccuracy } from './metrics/binaryAccuracy.js';
export { meanAbsoluteError } from './metrics/meanAbsoluteError.js';
export {
  last,
  max,
  mean,
  metric,
  sum,
  type Metric,
  type MetricFunction,
  type Metrics,
  type Reducer,
} from './core/metric.js';

// Optimizers and schedules
export { adagrad, type AdagradOptions } from './optim/adagrad.js';
export { adam, type AdamOptions } from './optim/adam.js';
export { adamw, type AdamWOptions } from './optim/adamw.js';
export { fromTf } from './optim/fromTf.js';
export { lion, type LionOptions } from './optim/lion.js';
export { fromNamedSlots, toNamedSlots, type NamedSlots } from './optim/namedSlots.js';
export { rmsprop, type RmspropOptions } from './optim/rmsprop.js';
export { constant, cosine, exponential, linear, oneCycle, sequence, step, warmup } from './optim/schedules.js';
export { sgd, type SgdOptions } from './optim/sgd.js';

// Values, events and errors
export type { Batch, BatchValue, BatchValues, NdArray } from './core/batch.js';
export type { Duration } from './core/duration.js';
export type { EndReason } from './core/endReason.js';
export type { Change, ChangeEvent, CheckpointEvent, EndEvent, MicroBatchValues, StepEvent } from './core/events.js';
export type { HistogramEvent, ImageEvent, TextEvent, TrainingEvent, ValidationEvent } from './core/events.js';
export type { Histogram } from './core/histogram.js';
export type { Evaluation, EvaluationSource } from './core/evaluateBatches.js';
export type { Live, Schedule } from './core/live.js';
export type { LossFunction } from './core/loss.js';
export type { CustomModel, LayersModelLike, Model } from './core/model.js';
export type { Optimizer, OptimizerState, Updated } from './core/optimizer.js';
export type { EpochSource, PullSource } from './core/source.js';
export type { ForwardPass, GradientStep, MicroBatchResult, MicroStep, StepResult } from './core/values.js';
export type { Weights, WeightSlot } from './core/weights.js';
export { isOutOfMemory, OutOfMemoryError } from './core/outOfMemory.js';
export {
  ArgumentError,
  BatchError,
  EngineError,
  LossError,
  MetricError,
  ModelError,
  NonFiniteError,
  CheckpointError,
  CompileError,
  ReplicaError,
  SourceError,
  StaleGradientError,
  StaleStepError,
} from './core/errors.js';
export { StoreError } from './checkpoint/storeError.js';
export { SinkError } from './core/sinkError.js';
export { StepError } from './core/stepError.js';
