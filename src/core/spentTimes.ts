/** What a run's time goes to. What stands between two stages counts as the first of them. */
export type Stage = 'data' | 'forwardBackward' | 'update' | 'read' | 'validation' | 'snapshot' | 'sinks';

/** Milliseconds that a run has spent in its stages. */
export type Spent = Readonly<Partial<Record<Stage, number>>>;

/** The stopwatch of a run, which stands still until somebody asks. */
export interface SpentTimes {
  /** From here on time is spent on this; on nothing that counts, if it is not said on what. */
  readonly enter: (stage?: Stage) => void;
  /** What has been spent since it was asked the last time; undefined the first time, from which on it is measured by `now`. */
  readonly taken: (now: () => number) => Spent | undefined;
}

export function spentTimes(): SpentTimes {
  let clock: (() => number) | undefined;
  let at: Stage | undefined;
  let since = 0;
  let spent: Partial<Record<Stage, number>> = {};

  const enter = (stage?: Stage): void => {
    if (!clock) {
      at = stage;
      return;
    }
    const now = clock();
    if (at) spent[at] = (spent[at] ?? 0) + (now - since);
    at = stage;
    since = now;
  };
  return {
    enter,
    taken: (now) => {
      const isFirst = !clock;
      clock ??= now;
      if (isFirst) since = now();
      enter(at);
      const last = spent;
      spent = {};
      return isFirst ? undefined : last;
    },
  };
}
