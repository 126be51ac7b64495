import { Subject } from 'rxjs';

import { hold, RUN, type InRun, type Run } from './run.js';

/** The runs of several replicas as one, whose epochs and end are those of all of them. */
export interface JointRun {
  /** Takes in the run of a replica's value. */
  readonly see: (rank: number, value: InRun) => void;
  /** The replicas that may give more in this epoch. */
  readonly giving: () => number[];
  /** Whether each replica has given something, or never will. */
  readonly areKnown: () => boolean;
  /** Whether a replica was stopped in mid-epoch, or has failed: then all are, and nothing more is made of what some of them have given. */
  readonly isStopped: () => boolean;
  /** A replica's epoch is over: its source waits from now on, what is to be done comes when the returned function is called. */
  readonly epochEnded: (rank: number) => () => void;
  /** The same of the replica's end. */
  readonly ended: (rank: number) => () => void;
  /** The replica's stream has completed. */
  readonly completed: (rank: number) => void;
  /** Has the source of a value that was for nothing give it again when the run goes on. */
  readonly giveBack: (value: InRun) => void;
  /** To be called when all that could be merged has been, so many micro-steps so far: tells of an end that all have come to. */
  readonly settle: (microSteps: number) => void;
  /** The run that merged values carry: the first replica's, as far as it is not about all of them. */
  readonly run: () => Run;
}

type Phase = 'giving' | 'epochEnded' | 'ended';

export function jointRun(replicas: number): JointRun {
  const phases = Array.from({ length: replicas }, (): Phase => 'giving');
  const runs = new Map<number, Run>();
  const [epochEnd$, end$] = [new Subject<void>(), new Subject<void>()];
  let releases: (() => void)[] = [];
  let isStopped = false;

  const all = (): Run[] => [...runs.values()];
  /** Its state is what is saved. */
  const first = (): number => Math.min(...runs.keys());
  const enter = (phase: Phase, rank: number, then: () => void = noop): (() => void) => {
    const release = hold({ [RUN]: runs.get(rank)! });
    return () => {
      phases[rank] = phase;
      releases.push(release);
      then();
    };
  };
  const stop = (reason: ReturnType<NonNullable<Run['endReason']>>): void => {
    isStopped = true;
    all().forEach((run) => run.end?.(reason ?? { reason: 'until' }));
  };
  /** Who can say of no end is not waited for, nor who has not come by the time the others are stopped. */
  const isAwaited = (rank: number): boolean =>
    phases[rank] === 'giving' && (runs.has(rank) ? runs.get(rank)!.epochEnd$ !== undefined : !isStopped);
  const words: Partial<Run> = {
    waitUntil: (promise) => all().forEach((run) => run.waitUntil?.(promise)),
    end: (reason) => all().forEach((run) => run.end?.(reason)),
    endReason: () =>
      all()
        .find((run) => run.endReason?.())
        ?.endReason?.(),
    ended: () => {
      if (isStopped) return runs.get(first())!.ended?.();
      return all().every((run) => run.ended?.() === 'over') ? 'over' : undefined;
    },
    epochEnd$,
    end$,
    isRepeat: () => false,
  };
  return {
    see: (rank, value) => {
      runs.set(rank, value[RUN] ?? {});
      if (isStopped) stop(undefined);
    },
    giving: () => [...phases.keys()].filter((rank) => phases[rank] === 'giving'),
    areKnown: () => phases.every((phase, rank) => phase !== 'giving' || runs.has(rank)),
    isStopped: () => isStopped,
    epochEnded: (rank) => {
      if (!runs.get(rank)!.isRepeat?.()) return enter('epochEnded', rank);
      // For those who have seen their first value since; to be told once.
      return () => rank === first() && epochEnd$.next();
    },
    ended: (rank) =>
      enter('ended', rank, () => {
        const { ended, endReason } = runs.get(rank)!;
        if (ended?.() === 'stopped') stop(endReason?.());
      }),
    completed: (rank) => void (phases[rank] = 'ended'),
    giveBack: ({ [RUN]: run }) => {
      run?.giveBack?.();
      if (run?.passes) run.passes.count -= 1;
    },
    settle: (microSteps) => {
      if (releases.length === 0 || [...phases.keys()].some(isAwaited)) return;
      if (phases.includes('epochEnded')) {
        // Where the first replica was stopped before it knew, it finds out when the run goes on.
        if (!isStopped || phases[first()] === 'epochEnded') epochEnd$.next();
        all().forEach(({ passes }) => passes && (passes.count = microSteps)); // one with fewer micro-batches has caught up
        phases.forEach((phase, rank) => phase === 'epochEnded' && (phases[rank] = 'giving'));
      } else end$.next();
      const free = releases;
      releases = [];
      free.forEach((release) => release());
    },
    run: () => ({ ...runs.get(first()), ...words }),
  };
}

function noop(): void {
  // nothing to do
}
