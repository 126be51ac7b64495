import { concat, NEVER, of } from 'rxjs';
import { expect, it } from 'vitest';

import { tee } from '../../operators/tee.js';
import { history } from '../../src/sinks/history.js';
import { stepEvent } from '../../src/testing/steps.js';
import { sinkContract } from './contract.js';

sinkContract('history', {
  make: () => {
    const kept = history();
    return { sink: () => kept, read: () => kept.events };
  },
  holds: (events) => events,
});

it('starts over with a run that starts over, also after it was unsubscribed', () => {
  const kept = history();
  const running = concat(of(stepEvent(1), stepEvent(2)), NEVER)
    .pipe(tee(kept))
    .subscribe();
  running.unsubscribe();
  of(stepEvent(1, { loss: 9 }))
    .pipe(tee(kept))
    .subscribe();

  expect(kept.events).toMatchObject([{ globalStep: 1, loss: 9 }]);
});
