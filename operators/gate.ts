import {
  concat,
  defer,
  EMPTY,
  filter,
  ignoreElements,
  isObservable,
  of,
  Subject,
  take,
  tap,
  type MonoTypeOperatorFunction,
  type Observable,
} from 'rxjs';

import { alongside } from '../src/core/alongside.js';
import { ArgumentError } from '../src/core/errors.js';
import { oneByOne } from '../src/core/oneByOne.js';
import { RUN, type InRun } from '../src/core/run.js';

/**
 * Pauses a run between two steps while it is closed, and lets single steps through.
 *
 * Whoever looks at a run wants to stop it without losing it: to look at weights, to move a slider, to go on step by step.
 *
 * ```text
 * open$:   ---f-------t-------s-|        f = false, t = true, s = 'step'
 * source:  --1--2--------3--4--5|        asked for its next batch only while the gate is open
 *             gate(open$)
 * output:  --1--2--------3--4--5|
 * ```
 *
 * `true` opens, `false` closes, `'step'` closes after one step more; a gate is open until it is told otherwise. The step that is under way when it closes is
 * finished and passes, with what belongs to it; then the source gives no batch. Nothing is kept back, so nothing can be lost or doubled, and
 * snapshots can be taken at rest. A gate that is closed from the start subscribes to its source when it opens. Behind `accumulate` (`train` is) it closes
 * between windows, before that between micro-batches. Values without a run wait here, in order. If `open$` ends, the gate stays as it is.
 *
 * **Memory**: nothing. **Ownership**: touches no tensor.
 *
 * @example
 * ```ts
 * const open$ = new BehaviorSubject<boolean | 'step'>(true);
 * train(model, batches, { loss: mse, optimizer: adam() }).pipe(gate(open$)).subscribe(console.log);
 * open$.next(false); // pause
 * open$.next('step'); // one step
 * open$.next(true); // go on
 * ```
 *
 * @param open$ - What opens and closes it.
 * @throws {@link ArgumentError} at once, if `open$` is no Observable. Errors with what `open$` errors with.
 */
export function gate<T extends object>(open$: Observable<boolean | 'step'>): MonoTypeOperatorFunction<T> {
  if (!isObservable(open$)) throw new ArgumentError(`gate: open$ must be an Observable, received ${String(open$)}`);

  return (source) =>
    defer(() => {
      let open = true;
      let steps = 0;
      const told$ = new Subject<void>();
      const listening$ = open$.pipe(
        tap((next) => {
          open = next === true;
          steps = next === 'step' ? steps + 1 : 0;
          told$.next();
        }),
        ignoreElements(),
      );
      const mayPass = (): boolean => open || (steps > 0 && steps-- > 0);
      const passage$ = defer(() => (mayPass() ? EMPTY : told$.pipe(filter(mayPass), take(1), ignoreElements())));

      const passed = (value: T & InRun): Observable<T> => {
        if ('type' in value && value.type !== 'step') return of(value);
        const pauseUntil = value[RUN]?.pauseUntil;
        if (!pauseUntil) return concat(of(value), passage$);
        pauseUntil(passage$);
        return of(value);
      };
      return concat(passage$, source.pipe(oneByOne(passed))).pipe(alongside(listening$));
    });
}
