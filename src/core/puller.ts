import { disposeTensors } from './batch.js';
import { messageOf, SourceError } from './errors.js';
import { openSource, type EpochSource } from './source.js';

/** Where in its epochs a source stands: so many values of this pass have been given. */
export interface Cursor {
  readonly pass: number;
  readonly given: number;
}

/** A value of the source, and the epoch that it belongs to. */
export interface Pulled<T> {
  readonly value: T;
  readonly epoch: number;
  /** Where the source stood before it. */
  readonly cursor: Cursor;
}

/** A source that is asked for one value after the other. */
export interface Puller<T> {
  readonly next: () => Promise<Pulled<T> | undefined>;
  /**
   * To be asked once, with the epoch of the first value that is given; undefined, if there is none. The value that was passed over last, if it ends another
   * epoch: whether that was known when the run was saved, the cursor does not say. The caller owns it.
   */
  readonly endedBefore: (epoch: number | undefined) => Pulled<T> | undefined;
  readonly stop: () => void;
}

/** Asks for one value after the other, never for two at once, over all epochs; from a cursor on, if there is one. */
export function puller<T extends object>(
  source: EpochSource<T>,
  epochs: number,
  signal: AbortSignal,
  from: Cursor = { pass: 1, given: 0 },
): Puller<T> {
  let iterator: AsyncIterator<T> | Iterator<T> | undefined;
  let epoch = from.pass - 1;
  let inEpoch = 0;
  let skipped = from.given;
  let batches = 0;
  let passedOver: Pulled<T> | undefined;
  let last: Promise<Pulled<T> | undefined> = Promise.resolve(undefined);

  const pull = async (): Promise<Pulled<T> | undefined> => {
    while (!signal.aborted) {
      if (!iterator) {
        if (epoch >= epochs) return undefined; // a run that goes on may be told of fewer
        epoch += 1;
        inEpoch = 0;
        iterator = iterate(openSource(source, epoch, signal), signal);
      }
      const result = await iterator.next();
      if (!result.done) {
        const value = checked(result.value, batches);
        const cursor = { pass: epoch, given: inEpoch };
        inEpoch += 1;
        batches += 1;
        const pulled = { value, epoch: (value as { epoch?: number }).epoch ?? epoch, cursor };
        if (skipped === 0) return pulled;
        skipped -= 1;
        disposeTensors(passedOver?.value);
        passedOver = pulled;
        continue;
      }
      iterator = undefined;
      skipped = 0; // a pass that is shorter is over: so it is with replicas
      if (inEpoch === 0) {
        const remedy = epoch === 1 ? 'is it empty?' : 'give a function that makes a new source for each epoch';
        throw new SourceError(
          `fromPull: the source must give a batch in every epoch, received none in epoch ${epoch}; ${remedy}`,
          batches,
        );
      }
    }
    return undefined;
  };
  /** Asks for the value that comes after `before`; once one has failed, so do all that were asked for. */
  const after = async (before: typeof last): typeof last => {
    await before;
    try {
      return await pull();
    } catch (cause) {
      if (cause instanceof SourceError) throw cause;
      iterator = undefined;
      const what = `fromPull: the source must go on, it failed after ${batches} batches: ${messageOf(cause)}`;
      throw new SourceError(what, batches, { cause });
    }
  };
  return {
    next: () => {
      last = after(last);
      last.catch(noop); // whoever takes it out of the queue reports it
      return last;
    },
    endedBefore: (epoch) => {
      const before = passedOver;
      passedOver = undefined;
      if (before?.epoch !== epoch) return before;
      disposeTensors(before?.value);
      return undefined;
    },
    stop: () => {
      const free = (): void => disposeTensors(passedOver?.value);
      free();
      last.then(free, free);
      const stopped = iterator;
      iterator = undefined;
      void Promise.resolve(stopped?.return?.()).catch((error: unknown) => {
        if (error !== signal.reason) throw error; // no subscriber is left to be told: the host reports it
      });
    },
  };
}

function iterate<T>(source: AsyncIterable<T> | Iterable<T>, signal: AbortSignal): AsyncIterator<T> | Iterator<T> {
  // IxJS's iterables take the signal; others ignore the argument.
  if (Symbol.asyncIterator in source)
    return (source[Symbol.asyncIterator] as (signal: AbortSignal) => AsyncIterator<T>)(signal);
  return source[Symbol.iterator]();
}

function checked<T extends object>(value: T, batches: number): T {
  const prototype: unknown = typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : undefined;
  if (prototype === Object.prototype || prototype === null) return value;
  disposeTensors(value);
  throw new SourceError(
    `fromPull: batches must be plain objects such as { xs, ys }, received ${String(value)} as batch ${batches + 1}`,
    batches,
  );
}

function noop(): void {
  // nothing to do
}
