import { asyncScheduler, type Subscription } from 'rxjs';

/** Things that are sent together. */
export interface Batches<T> {
  /** Takes things in; returns a promise where so many wait that it is better to wait, too. Throws what a sending threw. */
  add(things: readonly T[]): void | Promise<void>;
  /** Sends what waits. */
  flush(): Promise<void>;
}

/** When {@link batches} sends. */
export interface BatchesOptions {
  /** So many at most at once; ten times as many may wait. */
  readonly most: number;
  /** So long may one wait. */
  readonly delayMs: number;
}

/** Gathers things and sends them in their order, many at once, one sending at a time. */
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
    do {
      const things = waiting.slice(0, most);
      await send(things);
      waiting = waiting.slice(things.length);
    } while (waiting.length >= most);
  };
  const begin = (): Promise<void> => (sending ??= sendSome().finally(ended));
  const beginAlone = (): void => void begin().catch((error: unknown) => (failed = { error }));
  const sendLater = (): void => void (timer ??= asyncScheduler.schedule(beginAlone, delayMs));
  const ended = (): void => {
    sending = undefined;
    if (waiting.length > 0) sendLater();
  };
  const throwOnce = (): void => {
    if (!failed) return;
    const { error } = failed;
    failed = undefined;
    waiting = [];
    throw error;
  };
  return {
    add: (things) => {
      throwOnce();
      waiting.push(...things);
      if (waiting.length >= 10 * most) return begin();
      if (waiting.length >= most) beginAlone();
      else if (waiting.length > 0 && !sending) sendLater();
    },
    flush: async () => {
      throwOnce();
      while (waiting.length > 0) await begin();
    },
  };
}
