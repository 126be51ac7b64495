export { fileStore } from './fileStore.js';
export { fromSignals } from './fromSignals.js';
