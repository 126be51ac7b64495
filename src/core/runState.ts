import { defer, identity, tap, type MonoTypeOperatorFunction } from 'rxjs';

import { disposeTensors } from './batch.js';
import { CheckpointError, messageOf } from './errors.js';
import { RUN, type InRun } from './run.js';
import { tensors } from './tensors.js';
import type { Held, Holding, Json, RunSnapshot, RunState } from './snapshot.js';

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
          if (held) attempt(name, value, () => restore(held, value));
        }),
      );
    });
}

/** Lets snapshots hold what a stage without a memory was told; nothing, if there is no such stage. */
export function records<T extends InRun>(name: string, options: Json | undefined): MonoTypeOperatorFunction<T> {
  if (options === undefined) return identity;
  return takesPart(
    name,
    () => ({ data: { options } }),
    () => undefined,
  );
}

/** Restores a stage; one that is given what it cannot have saved says so by whatever it stumbles over, and its first value goes nowhere. */
function attempt(name: string, first: InRun, restore: () => unknown): void {
  try {
    restore();
  } catch (cause) {
    disposeTensors({ ...first, model: undefined }); // a pass does not own its model's
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(`a checkpoint must hold what ${name} has saved: ${messageOf(cause)}`, { cause });
  }
}

/**
 * The state of a run that goes on from a snapshot, or starts anew. `take` gives those who wait for a snapshot what is held now, `close` tells those who
 * wait, and will ask, that there is none.
 */
export function runState(from: Readonly<Record<string, Held>> = {}): {
  readonly state: RunState;
  readonly take: () => void;
  readonly close: () => void;
  /** Whoever wants a snapshot while `rest` goes on gets it at once. */
  readonly during: (rest: Promise<unknown>) => Promise<void>;
} {
  const stages = new Map<string, () => Holding>();
  const waiting: ((snapshot: RunSnapshot | undefined) => void)[] = [];
  let closed = false;
  let resting = false;
  /** Two stages of a name are told apart by their order. */
  const unused = (name: string): string => {
    let free = name;
    for (let n = 2; stages.has(free); n++) free = `${name}#${n}`;
    return free;
  };
  const saved = (name: string): Held | undefined =>
    Object.hasOwn(from, unused(name)) ? from[unused(name)] : undefined;
  const copied = (): RunSnapshot => {
    const { keep, tidy } = tensors();
    const taken: [string, Holding & Held][] = Object.entries(from); // what no stage has asked for yet is kept
    // What a stage has made to be saved goes with the scope.
    tidy(() => {
      for (const [name, holding] of stages) {
        const { data, tensors: own = {} } = holding();
        const copies = Object.entries(own).map(([key, tensor]) => [key, keep(tensor.clone())] as const);
        taken.push([name, { ...(data !== undefined && { data }), tensors: Object.fromEntries(copies) }]);
      }
    });
    return Object.fromEntries(taken); // which takes any name, __proto__ among them
  };
  const take = (): void => {
    for (const resolve of waiting.splice(0)) resolve(copied());
  };
  return {
    state: {
      join: (name, holding) => {
        const held = saved(name);
        stages.set(unused(name), holding);
        return held;
      },
      saved,
      snapshot: () =>
        new Promise((resolve) => {
          if (closed) return resolve(undefined);
          waiting.push(resolve);
          if (resting) take();
        }),
    },
    take,
    close: () => {
      closed = true;
      waiting.splice(0).forEach((resolve) => resolve(undefined));
    },
    during: async (rest) => {
      resting = true;
      await rest;
      resting = false;
    },
  };
}
