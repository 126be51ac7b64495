import { BehaviorSubject } from 'rxjs';

/** What is looked at. */
export interface View {
  /** The steps that are shown; undefined is the whole run, as it grows. */
  readonly range?: readonly [from: number, to: number] | undefined;
  readonly alpha: number;
  /** Only steps that are multiples of it, as `logEvery` lets through. */
  readonly every: number;
  readonly log: boolean;
  /** The runs that are shown; the first in full. */
  readonly runs: readonly string[];
}

export const view$ = new BehaviorSubject<View>({ alpha: 0.02, every: 1, log: false, runs: [] });

/** Changes a part of the view. */
export function look(part: Partial<View>): void {
  view$.next({ ...view$.value, ...part });
}
