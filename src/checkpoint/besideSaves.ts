import {
  catchError,
  concat,
  concatWith,
  defer,
  from,
  ignoreElements,
  throwError,
  type Observable,
  type OperatorFunction,
} from 'rxjs';

import { alongside } from '../core/alongside.js';
import { messageOf } from '../core/errors.js';
import type { CheckpointEvent } from '../core/events.js';
import type { Saves } from './saves.js';

/** Completes when all that has been ordered is there. */
export function written({ idle }: Pick<Saves, 'idle'>): Observable<never> {
  return defer(() => from(idle()).pipe(ignoreElements()));
}

/**
 * The values of a source, and the checkpoints that are there by then. Completion and errors wait for what has been ordered; if a run fails and then its
 * last checkpoint, too, both are told of.
 */
export function besideSaves<T>(saves: Pick<Saves, 'idle' | 'saved$'>): OperatorFunction<T, T | CheckpointEvent> {
  return (source) =>
    defer(() => {
      let failure: { readonly error: unknown } | undefined;
      return source.pipe(
        concatWith(written(saves)),
        catchError((error: unknown) => {
          failure = { error };
          return concat(
            written(saves),
            throwError(() => error as Error),
          );
        }),
        alongside(saves.saved$),
        catchError((error: unknown) => throwError(() => (failure ? both(failure.error, error) : error) as Error)),
      );
    });
}

function both(error: unknown, ofSave: unknown): unknown {
  return error === ofSave ? error : new AggregateError([error, ofSave], messageOf(error), { cause: ofSave });
}
