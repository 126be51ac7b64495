export { eventLine } from './eventLine.js';
export { batchSizeProbe, type BatchSizeProbeOptions, type BatchSizeTrial } from './batchSizeProbe.js';
export { evaluate, type EvaluateOptions } from './evaluate.js';
export { fork } from './fork.js';
export { learningRateRangeTest, type RangeTestOptions, type RangeTestPoint } from './learningRateRangeTest.js';
export { predict } from './predict.js';
export { replay } from './replay.js';
export { suggestLearningRate } from './suggestLearningRate.js';
export { train, type TrainOptions } from './train.js';
