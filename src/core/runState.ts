import { defer, tap, type MonoTypeOperatorFunction } from 'rxjs';

import { RUN, type InRun } from './run.js';
import { tensors } from './tensors.js';
import type { Held, Holding, RunSnapshot, RunState } from './snapshot.js';

/**
 * Lets a stage take part in snapshots: `holding` says what it holds, whose tensors stay its own; `restore` sets it to what it held.
 *
 * It joins with its first value, and is restored before it sees that value. A value without a run has no snapshots.
 */
export function takesPart<T extends InRun>(
  name: string,
  holding: () => Holding,
  restore: (held: Held, first: T) => unknown,
): MonoTypeOperatorFunction<T> {
  return (source) =>
    defer(() => {
      let joined = false;
      return source.pipe(
        tap((value) => {
          const state = value[RUN]?.state;
          if (joined || !state) return;
          joined = true;
          const held = state.join(name, holding);
          if (held) restore(held, value);
        }),
      );
    });
}

/** The state of a run that goes on from a snapshot, or starts anew; `take` gives those who wait for a snapshot what is held now. */
export function runState(from: Readonly<Record<string, Held>> = {}): {
  readonly state: RunState;
  readonly take: () => void;
  /** Whoever wants a snapshot while `rest` goes on gets it at once. */
  readonly during: (rest: Promise<unknown>) => Promise<void>;
} {
  const stages = new Map<string, () => Holding>();
  let waiting: ((snapshot: RunSnapshot) => void)[] = [];
  let resting = false;
  /** Two stages of a name are told apart by their order. */
  const unused = (name: string): string => {
    let free = name;
    for (let n = 2; stages.has(free); n++) free = `${name}#${n}`;
    return free;
  };
  const copied = (): RunSnapshot => {
    const { keep, tidy } = tensors();
    const snapshot: Record<string, Holding & Held> = { ...from }; // what no stage has asked for yet is kept
    // What a stage has made to be saved goes with the scope.
    tidy(() => {
      for (const [name, holding] of stages) {
        const { data, tensors: own = {} } = holding();
        const copies = Object.entries(own).map(([key, tensor]) => [key, keep(tensor.clone())] as const);
        snapshot[name] = { ...(data !== undefined && { data }), tensors: Object.fromEntries(copies) };
      }
    });
    return snapshot;
  };
  const take = (): void => {
    const answered = waiting;
    waiting = [];
    for (const resolve of answered) resolve(copied());
  };
  return {
    state: {
      join: (name, holding) => {
        const own = unused(name);
        stages.set(own, holding);
        return from[own];
      },
      snapshot: () =>
        new Promise((resolve) => {
          waiting.push(resolve);
          if (resting) take();
        }),
    },
    take,
    during: async (rest) => {
      resting = true;
      await rest;
      resting = false;
    },
  };
}
