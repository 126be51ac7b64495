import { ReplicaError } from './errors.js';
import type { MicroStep } from './values.js';

/** Micro-steps of several replicas that wait for each other, by number. */
export interface LineUp {
  /** The number of the micro-step that goes on next. */
  readonly next: () => number;
  /** No micro-step before this one goes on. */
  readonly startAt: (microStep: number) => void;
  /** Takes one in; whether it is the first of its number. One whose number has gone on is let go. */
  readonly add: (rank: number, step: MicroStep) => boolean;
  /** Those of the next number in order of rank, once none is missing of those that still give any; or it is due, and goes on without those. */
  readonly take: (giving: readonly number[], isDue: (microStep: number) => boolean) => MicroStep[] | undefined;
  /** Lets all go. */
  readonly clear: () => void;
}

/**
 * @param missing - What is made of one that is missing when it is due: an error, or nothing.
 * @param letGo - What is done with one that does not go on.
 */
export function lineUp(missing: 'error' | 'skip', letGo: (step: MicroStep) => void): LineUp {
  const waiting = new Map<number, Map<number, MicroStep>>();
  let next = 1;
  return {
    next: () => next,
    startAt: (microStep) => void (next = Math.max(next, microStep)),
    add: (rank, step) => {
      const { microStep } = step;
      const arrived = waiting.get(microStep) ?? new Map<number, MicroStep>();
      const isLate = microStep < next;
      if (isLate || arrived.has(rank)) letGo(step);
      if (isLate) return false;
      if (arrived.has(rank))
        throw new ReplicaError(
          `mergeReplicas: rank ${rank} must deliver micro-step ${microStep} once, received it twice`,
          [rank],
          microStep,
        );
      waiting.set(microStep, arrived.set(rank, step));
      return arrived.size === 1;
    },
    take: (giving, isDue) => {
      // A number that nobody has delivered is passed over when no more will come.
      if (giving.length === 0 && waiting.size > 0) next = Math.min(...waiting.keys());
      const arrived = waiting.get(next);
      if (!arrived) return undefined;
      const absent = giving.filter((rank) => !arrived.has(rank));
      if (absent.length > 0 && !isDue(next)) return undefined;
      if (absent.length > 0 && missing === 'error') {
        throw new ReplicaError(
          `mergeReplicas: every rank must deliver micro-step ${next} in time, missing ${absent.join(', ')}`,
          absent,
          next,
        );
      }
      waiting.delete(next);
      next += 1;
      return [...arrived].sort(([a], [b]) => a - b).map(([, step]) => step);
    },
    clear: () => {
      const left = [...waiting.values()].flatMap((arrived) => [...arrived.values()]);
      waiting.clear();
      left.forEach(letGo);
    },
  };
}
