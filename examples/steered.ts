import { connect, EMPTY, endWith, filter, ignoreElements, map, merge, mergeMap, of, scan, startWith } from 'rxjs';
import { share, takeUntil, withLatestFrom, type Observable } from 'rxjs';
import { gate, type TrainingEvent } from 'gradstream';

/** What a run is steered by. */
export interface Controls {
  readonly learningRate$: Observable<number>;
  readonly stop$: Observable<unknown>;
}

/** What comes from outside. */
export interface Outside {
  /** '+' and '-' double and halve the learning rate, ' ' pauses and goes on, 'q' ends the run. */
  readonly key$: Observable<string>;
  /** When to say how far it is. */
  readonly tick$: Observable<unknown>;
  /** What ends it, too: a signal, a timer. */
  readonly end$: Observable<unknown>;
}

/** A run among other streams: keys steer it, a clock asks for its state, and all that there is to say is one stream of lines. */
export function steered(run: (controls: Controls) => Observable<TrainingEvent>, outside: Outside): Observable<string> {
  const key$ = outside.key$.pipe(share());
  const press$ = (keys: string) => key$.pipe(filter((key) => keys.includes(key)));
  const learningRate$ = press$('+-').pipe(
    scan((rate, key) => (key === '+' ? rate * 2 : rate / 2), 0.01),
    startWith(0.01),
  );
  const open$ = press$(' ').pipe(scan((open) => !open, true));
  const stop$ = merge(press$('q'), outside.end$);

  return run({ learningRate$, stop$ }).pipe(
    gate(open$),
    connect((event$) => {
      const step$ = event$.pipe(filter((event) => event.type === 'step'));
      const over$ = event$.pipe(ignoreElements(), endWith('over'));
      const told$ = outside.tick$.pipe(
        withLatestFrom(step$),
        map(([, { globalStep, ema }]) => `step ${globalStep}: loss ${ema['loss']!.toFixed(3)}`),
        takeUntil(over$),
      );
      return merge(told$, event$.pipe(mergeMap(said)));
    }),
  );
}

/** What is said of an event at once. */
function said(event: TrainingEvent): Observable<string> {
  const at = `step ${event.globalStep}:`;
  if (event.type === 'validation') return of(`${at} accuracy ${event.metrics['accuracy']!.toFixed(3)}`);
  if (event.type === 'change') return of(`${at} ${event.what} is now ${event.to}`);
  if (event.type === 'end') return of(`${at} the end (${event.reason})`);
  return EMPTY;
}
