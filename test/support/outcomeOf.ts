import { lastValueFrom, tap, type Observable } from 'rxjs';

import type { TrainingEvent } from '../../src/core/events.js';
import type { Line } from './line.js';

/** What came of a run. */
export interface Outcome {
  readonly events: readonly TrainingEvent[];
  readonly weights: readonly number[];
  readonly error?: unknown;
}

/** Waits for the end of a run, good or bad; the model is read, and disposed. */
export async function outcomeOf(model: Line, run$: Observable<TrainingEvent>): Promise<Outcome> {
  const events: TrainingEvent[] = [];
  const error: unknown = await lastValueFrom(run$.pipe(tap((event) => events.push(event))), {
    defaultValue: undefined,
  }).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  const weights = model.read();
  model.dispose();
  return { events, weights, ...(error !== undefined && { error }) };
}
