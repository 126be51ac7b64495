/** What a source waits for before it gives its next batch. */
export interface Waits {
  /** Something is under way until the returned function is called. */
  hold(this: void): () => void;
  readonly isWaiting: () => boolean;
  /** Resolves when all that is under way is done, and what has been added meanwhile. */
  settled(this: void): Promise<void>;
}

/** Counted, so that what is done at once costs no promise. */
export function waits(): Waits {
  let open = 0;
  let wake: (() => void)[] = [];
  return {
    hold: () => {
      let isHeld = true;
      open += 1;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        open -= 1;
        if (open > 0) return;
        const waiting = wake;
        wake = [];
        waiting.forEach((resolve) => resolve());
      };
    },
    isWaiting: () => open > 0,
    settled: async () => {
      while (open > 0) await new Promise<void>((resolve) => wake.push(resolve));
    },
  };
}
