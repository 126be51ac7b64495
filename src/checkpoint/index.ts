export type { BestOptions } from './best.js';
export type { Duration, Every } from './cadence.js';
export { checkpointEvery, type CheckpointOptions } from './checkpointEvery.js';
export { fromFiles, toFiles } from './files.js';
export { latest, type LatestOptions } from './latest.js';
export { memoryStore } from './memoryStore.js';
export { decodeSafetensors, encodeSafetensors } from './safetensors.js';
export type { CheckpointStore, Files } from './store.js';
export type { Checkpoint } from '../core/snapshot.js';
