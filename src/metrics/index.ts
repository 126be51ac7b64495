export { accuracy } from './accuracy.js';
export { binaryAccuracy } from './binaryAccuracy.js';
export { meanAbsoluteError } from './meanAbsoluteError.js';
