// Sources
export { csv, type CsvOptions } from './csv.js';
export { fromArrays, type OneOf, type SamplesValue, type SamplesValues } from './fromArrays.js';
export { jsonl, type JsonlOptions } from './jsonl.js';
export type { TextSource } from './textChunks.js';

// Operators
export { batch, type BatchOptions } from './batch.js';
export { epochs } from './epochs.js';
export { mapAsync, type MapAsyncOptions } from './mapAsync.js';
export { shard } from './shard.js';
export { shardBatches } from './shardBatches.js';
export { shuffle, type ShuffleOptions } from './shuffle.js';
export { skipCorrupt, type SkipCorruptOptions } from './skipCorrupt.js';
export { timeout, type TimeoutOptions } from './timeout.js';

// Values
export { ndArray, type DType, type NestedNumbers } from './ndArray.js';
export { randomFromState, seededRandom, type Random, type RandomState } from './random.js';
export type { Sample, SampleValues } from './sample.js';
