import { asapScheduler, fromEvent, map, merge, observeOn, share, take, type Observable } from 'rxjs';

import { ArgumentError } from '../core/errors.js';

/**
 * The first signal that the process gets, in Node; a second one then ends the process at once, as if nobody had listened.
 *
 * Clusters and people stop a run by a signal. As `on` of `checkpointEvery` and `until` of `train` it becomes a checkpoint and an ordinary end: the
 * micro-batch that is under way is finished, the run saved, the end event sent with the reason 'until', and the process exits by itself.
 *
 * ```text
 * signals:  ----T-----T        T: SIGTERM
 *             fromSignals()
 * output:   ----(T|)  ✝        the second has its usual effect
 * ```
 *
 * Listens only while it is subscribed to: when the run has ended, signals have their usual effect again. Subscribers share the listening, so that all of
 * them get the same first signal.
 *
 * @example
 * ```ts
 * import { fileStore, fromSignals } from 'gradstream/checkpoint/node';
 *
 * const store = fileStore('runs/first');
 * const signal$ = fromSignals();
 * train(model, batches, { loss: mse, optimizer: adam(), epochs: 90, until: signal$, from: await latest(store, { orPrevious: true }) })
 *   .pipe(checkpointEvery('10min', store, { on: signal$ }))
 *   .subscribe(console.log);
 * ```
 *
 * @param signals - By their names; Ctrl-C and what a scheduler sends, unless given.
 * @throws {@link ArgumentError} at once, if there are none.
 */
export function fromSignals(signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM']): Observable<NodeJS.Signals> {
  if (signals.length === 0) throw new ArgumentError('fromSignals: there must be a signal to listen to, received none');
  return merge(...signals.map((signal) => fromEvent(process, signal).pipe(map(() => signal)))).pipe(
    take(1),
    observeOn(asapScheduler), // when nobody listens any more: a second one that comes while the first is told of would be lost
    share(),
  );
}
