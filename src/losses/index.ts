export { huber } from './huber.js';
export { mae } from './mae.js';
export { mse } from './mse.js';
export { sigmoidCrossEntropy } from './sigmoidCrossEntropy.js';
export { softmaxCrossEntropy } from './softmaxCrossEntropy.js';
export { sparseSoftmaxCrossEntropy } from './sparseSoftmaxCrossEntropy.js';
