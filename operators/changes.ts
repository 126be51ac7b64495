import { mergeMap, type OperatorFunction } from 'rxjs';

import { changeEvents } from '../src/core/changes.js';
import type { ChangeEvent, HistogramEvent, StepEvent, TrainingEvent } from '../src/core/events.js';
import { histogramEvents } from '../src/core/histogramEvents.js';
import { RUN } from '../src/core/run.js';

/**
 * Tells of every live hyper-parameter that was changed, by an event before the first step that it holds for.
 *
 * A kink in a loss curve is understood when the slider that was moved stands on the same axis.
 *
 * ```text
 * learningRate:  x-----y-----|
 * source:        --1-----2---|
 *                   changes()
 * output:        --1-----(C2)|        C = { type: 'change', globalStep: 2, what: 'learningRate', from: x, to: y, … }
 * ```
 *
 * The stages before `readback` (`accumulate`, clips, the optimizer's `learningRate`) note on a step what was applied to it; this makes events of the notes.
 * `train` ends with it. `ema`, `logEvery` and `validateEvery` tell of their own. Only Observables change; what a schedule gives is no change, and a
 * value that comes and goes within a window never held. What `gradientHistograms` has noted becomes events in the same way, behind the step.
 *
 * @example
 * ```ts
 * const rate$ = new BehaviorSubject(0.1);
 * steps$.pipe(accumulate(4), optimizerStep(sgd({ learningRate: rate$ })), readback(), changes()).subscribe(console.log);
 * ```
 */
export function changes<E extends TrainingEvent>(): OperatorFunction<E, E | ChangeEvent | HistogramEvent> {
  return mergeMap((event): (E | ChangeEvent | HistogramEvent)[] => {
    if (event.type !== 'step') return [event];
    const { changes: noted, histograms, ...step } = event as StepEvent;
    const run = event[RUN];
    // What a stage changes before there is a step knows its own.
    const told = run?.changes?.(event.globalStep) ?? [];
    const events = told.map((change): ChangeEvent => ({ type: 'change', ...change, ...(run && { [RUN]: run }) }));
    const plain = (noted || histograms ? step : event) as E;
    return [...events, ...changeEvents(event, noted), plain, ...histogramEvents(event, histograms)];
  });
}
