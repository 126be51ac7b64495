import { asyncScheduler, type Subscription } from 'rxjs';

/** Things that are sent together. */
export interface Batches<T> {
  /** Takes things in; returns a promise where so many wait that it is better to wait, too. Throws what a sending has thrown. */
  add(this: void, things: readonly T[]): void | Promise<void>;
  /** Sends what waits. */
  flush(this: void): Promise<void>;
}

/** When {@link batches} sends. */
export interface BatchesOptions {
  /** So many at most at once; ten times as many may wait. */
  readonly most: number;
  /** So long may one wait. */
  readonly delayMs: number;
}

/** Gathers things and sends them in their order, many at once, one sending at a time, until one fails. */
export function batches<T>(
  send: (things: readonly T[]) => Promise<void>,
  { most, delayMs }: BatchesOptions,
): Batches<T> {
  let waiting: T[] = [];
  let timer: Subscription | undefined;
  let sending: Promise<void> | undefined;
  let failed: { readonly error: unknown } | undefined;

  const sendSome = async (): Promise<void> => {
    timer?.unsubscribe();
    timer = undefined;
    try {
      do {
        const things = waiting.slice(0, most);
        await send(things);
        waiting = waiting.slice(things.length);
      } while (waiting.length >= most);
    } catch (error) {
      failed = { error };
      throw error;
    } finally {
      sending = undefined;
      if (waiting.length > 0 && !failed) sendLater();
    }
  };
  const begin = (): Promise<void> => (sending ??= sendSome());
  const beginAlone = (): void => void begin().catch(() => undefined); // the next to come is told
  const sendLater = (): void => void (timer ??= asyncScheduler.schedule(beginAlone, delayMs));
  const throwFailure = (): void => {
    if (failed) throw failed.error;
  };
  return {
    add: (things) => {
      throwFailure();
      waiting.push(...things);
      if (waiting.length >= 10 * most) return begin();
      if (waiting.length >= most) beginAlone();
      else if (waiting.length > 0 && !sending) sendLater();
    },
    flush: async () => {
      throwFailure();
      while (waiting.length > 0) await begin();
    },
  };
}
