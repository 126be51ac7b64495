import { ArgumentError } from './errors.js';

/** `tf.data.Dataset`, as far as it is used: an iterator that is asked for. */
export interface DatasetLike<T> {
  iterator(): Promise<{ next(): Promise<IteratorResult<T>> }>;
}

/** Anything that gives values one by one when asked. */
export type PullSource<T> = AsyncIterable<T> | Iterable<T> | ReadableStream<T> | DatasetLike<T>;

/** A source, or a function that makes one for each epoch; the first epoch is 1. The signal aborts when nobody wants more. */
export type EpochSource<T> = PullSource<T> | ((epoch: number, signal: AbortSignal) => PullSource<T>);

/** The source of one epoch, as an AsyncIterable. */
export function openSource<T>(
  source: EpochSource<T>,
  epoch: number,
  signal: AbortSignal,
): AsyncIterable<T> | Iterable<T> {
  const opened: unknown = typeof source === 'function' ? source(epoch, signal) : source;
  if (typeof opened !== 'object' || opened === null) throw notASource(opened);
  if (Symbol.asyncIterator in opened || Symbol.iterator in opened) return opened as AsyncIterable<T> | Iterable<T>;
  if ('getReader' in opened) return fromReadableStream(opened as ReadableStream<T>);
  if ('iterator' in opened) return fromDataset(opened as DatasetLike<T>);
  throw notASource(opened);
}

/** Throws if a source can be gone through once only: whoever tries something on it would take it from those who come later. */
export function assertReadableAgain(source: unknown, label: string): void {
  const once = typeof source === 'object' && source !== null && ('next' in source || 'getReader' in source);
  if (once)
    throw new ArgumentError(
      `${label} must be something that can be gone through again, or a function that makes it, received a ${'next' in source ? 'generator' : 'stream'}`,
    );
}

function notASource(received: unknown): ArgumentError {
  return new ArgumentError(
    'the source must be an AsyncIterable, Iterable, ReadableStream, tf.data.Dataset or a function that returns one, ' +
      `received ${String(received)}`,
  );
}

async function* fromReadableStream<T>(stream: ReadableStream<T>): AsyncGenerator<T, void, undefined> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel();
    reader.releaseLock();
  }
}

async function* fromDataset<T>(dataset: DatasetLike<T>): AsyncGenerator<T, void, undefined> {
  const iterator = await dataset.iterator();
  for (;;) {
    const result = await iterator.next();
    if (result.done) return;
    yield result.value;
  }
}
