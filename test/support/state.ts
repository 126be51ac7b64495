import type { Observable } from 'rxjs';

import { readSnapshot } from '../../src/core/readSnapshot.js';
import { RUN, type InRun, type Run } from '../../src/core/run.js';
import { runState } from '../../src/core/runState.js';
import type { Held, Json } from '../../src/core/snapshot.js';

/** A run without a source, which goes on from what stages have held; `held` gives what they hold now. */
export function statefulRun(from: Record<string, Held> = {}): { run: Run; held(): Promise<Record<string, Held>> } {
  const { state, take } = runState(from);
  return {
    run: { state },
    held: async () => {
      const snapshot = state.snapshot();
      take();
      const { stages } = await readSnapshot((await snapshot)!);
      // Data as JSON, in which a checkpoint keeps it.
      const json = (data: unknown) => JSON.parse(JSON.stringify(data)) as Json;
      return Object.fromEntries(
        Object.entries(stages).map(([name, held]) => [name, { ...held, data: json(held.data) }]),
      );
    },
  };
}

/** A value in a run. */
export const inRun = <T extends object>(value: T, run: Run): T & InRun => ({ ...value, [RUN]: run });

/** What an Observable emits at once, its error last. */
export function emitted<T>(values$: Observable<T>): unknown[] {
  const seen: unknown[] = [];
  values$.subscribe({ next: (value) => seen.push(value), error: (error) => seen.push(error) });
  return seen;
}
