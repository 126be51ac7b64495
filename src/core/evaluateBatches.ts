import { concatWith, defer, EMPTY, finalize, isObservable, map, mergeMap, type Observable } from 'rxjs';

import { disposeTensors, samplesOf, type Batch } from './batch.js';
import { computeForward, type Computation } from './compute.js';
import { SourceError } from './errors.js';
import { fromPull } from './fromPull.js';
import { readScalars, scalarsOf, takeResult } from './readResults.js';
import { reducersOf } from './metric.js';
import type { EpochSource } from './source.js';
import { summarize } from './summarize.js';
import type { MicroBatchResult } from './values.js';

/** Loss and metrics over a whole set of batches. */
export interface Evaluation {
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly samples: number;
}

/** What can be evaluated: whatever `fromPull` takes, or an Observable of batches. */
export type EvaluationSource = EpochSource<Batch> | Observable<Batch>;

/** Loss and metrics over every batch of a source, emitted once at its end; the device is read once. Takes and disposes the batches. */
export function evaluateBatches(
  source: EvaluationSource,
  computation: Omit<Computation, 'batch'>,
): Observable<Evaluation> {
  const { metrics } = computation;
  const reducers = reducersOf(metrics);

  return defer(() => {
    const results: MicroBatchResult[] = [];
    let samples = 0;
    const read = (): Observable<Evaluation> => {
      if (results.length === 0) throw new SourceError('evaluate: the source must give a batch, received none', 0);
      return readScalars(results.flatMap(scalarsOf)).pipe(
        map((numbers) => {
          const values = results.map((result) => takeResult(result, numbers));
          return { ...summarize(values, reducers), samples };
        }),
      );
    };
    const batch$: Observable<Batch> = isObservable(source) ? source : fromPull(source);
    return batch$.pipe(
      mergeMap((batch) => {
        try {
          results.push(computeForward({ ...computation, batch }, results.length + 1));
          samples += samplesOf(batch);
          return EMPTY;
        } finally {
          disposeTensors(batch);
        }
      }),
      concatWith(defer(read)),
      finalize(() => disposeTensors(results)),
    );
  });
}
