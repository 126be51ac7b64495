import { RUN, type InRun } from './run.js';
import type { Held, Holding, RunState } from './snapshot.js';

/** What a stage that is fed by several runs calls with each value: it takes part in the snapshots of each run, and is restored by each. */
export function joinsEach(name: string, holding: () => Holding, restore: (held: Held) => void): (value: InRun) => void {
  const joined = new Set<RunState>();
  return (value) => {
    const state = value[RUN]?.state;
    if (!state || joined.has(state)) return;
    joined.add(state);
    const held = state.join(name, holding);
    if (held) restore(held);
  };
}
