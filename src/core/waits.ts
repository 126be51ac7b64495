/** What a source waits for before it gives its next batch. */
export interface Waits {
  waitUntil(this: void, promise: PromiseLike<unknown>): void;
  readonly isWaiting: () => boolean;
  /** Resolves when all that is waited for has settled, and what has been added meanwhile. */
  settled(this: void): Promise<void>;
}

export function waits(): Waits {
  const open = new Set<PromiseLike<unknown>>();
  return {
    waitUntil: (promise) => {
      const wait: Promise<void> = Promise.resolve(promise)
        .then(noop, noop) // a stage reports its own error
        .then(() => void open.delete(wait));
      open.add(wait);
    },
    isWaiting: () => open.size > 0,
    settled: async () => {
      while (open.size > 0) await Promise.all(open);
    },
  };
}

function noop(): void {
  // nothing to do
}
