import type { Change, ChangeEvent } from './events.js';
import { RUN, type InRun } from './run.js';

/** A step with changes noted on it, besides those that are there already. */
export function noteChanges<T extends object>(
  step: T & { readonly changes?: readonly Change[] },
  more: readonly Change[],
): T {
  return more.length > 0 ? { ...step, changes: [...(step.changes ?? []), ...more] } : step;
}

/** Changes as events of the step that they were applied to. */
export function changeEvents(
  { globalStep, epoch, [RUN]: run }: InRun & { readonly globalStep: number; readonly epoch: number },
  changes: readonly Change[] = [],
): ChangeEvent[] {
  return changes.map((change) => ({ type: 'change', globalStep, epoch, ...change, ...(run && { [RUN]: run }) }));
}
