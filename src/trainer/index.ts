export { eventLine } from './eventLine.js';
export { evaluate, type EvaluateOptions } from './evaluate.js';
export { predict } from './predict.js';
export { replay } from './replay.js';
export { train, type TrainOptions } from './train.js';
