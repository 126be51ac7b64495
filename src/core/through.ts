import { concat, defer, EMPTY, from, ignoreElements, type Observable } from 'rxjs';

import { RUN, type InRun } from './run.js';
import { waits } from './waits.js';

/** Values that a stage makes by itself, without having asked its source; completes when all that follows is done with them. */
export function through<T extends InRun>(values: readonly T[]): Observable<T> {
  return defer(() => {
    const { hold, isWaiting, settled } = waits();
    const held = values.map((value) => ({ ...value, [RUN]: { ...value[RUN], hold } }));
    return concat(
      from(held),
      defer(() => (isWaiting() ? from(settled()).pipe(ignoreElements()) : EMPTY)),
    );
  });
}
