export { evaluate, type EvaluateOptions } from './evaluate.js';
export { predict } from './predict.js';
export { train, type TrainOptions } from './train.js';
