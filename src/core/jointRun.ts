import type { EndReason } from './endReason.js';
import { hold, RUN, type InRun, type Run } from './run.js';
import { waits } from './waits.js';
import { word, type Word } from './word.js';

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
  const { hold: holdBack, settled } = waits();
  const [epochEnd, lastWord] = [word(settled), word(settled)];
  const releases = new Map<number, () => void>();
  let isStopped = false;

  const ranks = (): number[] => [...phases.keys()];
  const all = (): Run[] => [...runs.values()];
  /** Its state is what is saved. */
  const first = (): number => Math.min(...runs.keys());
  const enter = (phase: Phase, rank: number, then: () => void = noop): (() => void) => {
    const release = hold({ [RUN]: runs.get(rank)! });
    return () => {
      phases[rank] = phase;
      releases.set(rank, release);
      then();
    };
  };
  /** Tells those behind, if there is a word for them; then lets replicas go on. */
  const tell = (said: Word | undefined, to: readonly number[]): void => {
    const held = to.flatMap((rank) => releases.get(rank) ?? []);
    to.forEach((rank) => releases.delete(rank));
    void Promise.resolve(said?.tell()).then(() => held.forEach((release) => release()));
  };
  const stop = (reason: EndReason | undefined): void => {
    isStopped = true;
    all().forEach((run) => run.end?.(reason ?? { reason: 'until' }));
  };
  /** One that had given nothing yet cannot say that it was stopped; another that has been asked to says it for both. */
  const wasStoppedUnseen = (): boolean =>
    phases.some((phase, rank) => phase === 'ended' && !runs.has(rank)) && words.endReason() !== undefined;
  /** Who can say of no end is not waited for, nor who has not come by the time the others are stopped. */
  const isAwaited = (rank: number): boolean =>
    phases[rank] === 'giving' && (runs.has(rank) ? runs.get(rank)!.epochEnd$ !== undefined : !isStopped);
  const words = {
    hold: () => {
      const held = [holdBack(), ...all().map((run) => hold({ [RUN]: run }))];
      return () => held.forEach((release) => release());
    },
    end: (reason: EndReason) => all().forEach((run) => run.end?.(reason)),
    endReason: () =>
      all()
        .find((run) => run.endReason?.())
        ?.endReason?.(),
    ended: () => {
      if (isStopped) return runs.get(first())!.ended?.();
      return all().every((run) => run.ended?.() === 'over') ? 'over' : undefined;
    },
    epochEnd$: epochEnd.heard$,
    end$: lastWord.heard$,
    isRepeat: () => false,
  } satisfies Run;
  return {
    see: (rank, value) => {
      runs.set(rank, value[RUN] ?? {});
      if (isStopped || wasStoppedUnseen()) stop(undefined);
    },
    giving: () => ranks().filter((rank) => phases[rank] === 'giving'),
    areKnown: () => phases.every((phase, rank) => phase !== 'giving' || runs.has(rank)),
    isStopped: () => isStopped,
    epochEnded: (rank) => enter('epochEnded', rank),
    ended: (rank) =>
      enter('ended', rank, () => {
        const { ended, endReason } = runs.get(rank)!;
        if (ended?.() === 'stopped') stop(endReason?.());
      }),
    completed: (rank) => {
      phases[rank] = 'ended';
      if (wasStoppedUnseen()) stop(undefined);
    },
    giveBack: (value) => value[RUN]?.giveBack?.(),
    settle: (microSteps) => {
      if (releases.size === 0 || ranks().some(isAwaited)) return;
      const atEpochEnd = ranks().filter((rank) => phases[rank] === 'epochEnded');
      all().forEach(({ passes }) => passes && (passes.count = microSteps)); // one with fewer micro-batches catches up, what was given back is not counted
      atEpochEnd.forEach((rank) => (phases[rank] = 'giving'));
      if (atEpochEnd.length === 0) return tell(lastWord, ranks());
      // Where the first replica was stopped before it knew, it finds out when the run goes on.
      tell(!isStopped || atEpochEnd.includes(first()) ? epochEnd : undefined, atEpochEnd);
    },
    run: () => ({ ...runs.get(first()), ...words }),
  };
}

function noop(): void {
  // nothing to do
}
