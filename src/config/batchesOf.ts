import { fromPull } from '../core/fromPull.js';
import type { Batch } from '../core/batch.js';
import type { EpochSource } from '../core/source.js';
import { take, type Observable } from 'rxjs';
import { fileBatches, type FileData } from './fileData.js';

/** The batches of a config's data; files are looked for in `folder`. */
export function batchesOf(data: EpochSource<Batch> | FileData, folder: string): EpochSource<Batch> {
  return isFile(data) ? fileBatches(data, folder) : data;
}

/** Whether it is the data of a file, not code. */
export function isFile(data: EpochSource<Batch> | FileData): data is FileData {
  return typeof data === 'object' && 'file' in data;
}

/** The first batch alone. */
export function firstOf(batches: EpochSource<Batch>): Observable<Batch> {
  return fromPull(batches, { prefetch: 0 }).pipe(take(1));
}
