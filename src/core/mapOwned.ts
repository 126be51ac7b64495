import { defer, finalize, map, type OperatorFunction } from 'rxjs';

import { disposeTensors } from './batch.js';

/** A `map` that disposes what `project` has made if, by then, nobody takes it: somebody else's code in it may have ended the run. */
export function mapOwned<T, R>(project: (value: T) => R): OperatorFunction<T, R> {
  return (source) =>
    defer(() => {
      let isOver = false;
      return source.pipe(
        map((value) => {
          const result = project(value);
          if (isOver) disposeTensors(result);
          return result;
        }),
        finalize(() => (isOver = true)),
      );
    });
}
