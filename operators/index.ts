// In the order of the pipeline.
export { fromPull, type FromPullOptions } from '../src/core/fromPull.js';
export { mergeReplicas, type MergeReplicasOptions } from './mergeReplicas.js';
export { forward, type ForwardOptions } from './forward.js';
export { retryWithSmallerBatches } from './retryWithSmallerBatches.js';
export { backward } from './backward.js';
export { accumulate, type AccumulateOptions } from './accumulate.js';
export { allReduce, type AllReduceOptions } from './allReduce.js';
export { gradientHistograms } from './gradientHistograms.js';
export { skipNonFinite, type SkipNonFiniteOptions } from './skipNonFinite.js';
export { clipByGlobalNorm } from './clipByGlobalNorm.js';
export { clipByValue } from './clipByValue.js';
export { optimizerStep } from './optimizerStep.js';
export { trainStep, type TrainStepOptions } from './trainStep.js';
export { localSteps, type LocalStepsOptions } from './localSteps.js';
export { averageWeights, type AverageWeightsOptions } from './averageWeights.js';
export { weightHistograms } from './weightHistograms.js';
export { validateEvery } from './validateEvery.js';
export { readback, type ReadbackOptions } from './readback.js';
export { changes } from './changes.js';
export { ema, type EmaOptions } from './ema.js';
export { reduceOnPlateau, type ReduceOnPlateauOptions } from './reduceOnPlateau.js';
export { stopEarly, type StopEarlyOptions } from './stopEarly.js';
export { untilMetric, type Goal } from './untilMetric.js';
export { maxDuration } from './maxDuration.js';
export { throughput } from './throughput.js';
export { stepTimes } from './stepTimes.js';
export { logEvery } from './logEvery.js';
export { gate } from './gate.js';
export { tee, type Sink, type TeeOptions } from './tee.js';
export { waitMap, waitUntil } from '../src/core/run.js';
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
} from '../src/core/metric.js';
