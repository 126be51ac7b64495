import { bufferTime, filter, fromEvent } from 'rxjs';
import { engine } from 'gradstream';

import { spiralRun } from '../spirals.js';
import type { Message } from './messages.js';

const tell = (message: Message): void => postMessage(message);
const failed = (error: unknown): void => tell({ kind: 'failed', text: String(error) });

try {
  const { tf, name, about, why } = await engine('auto');
  tell({ kind: 'engine', text: `${name} (${about}): ${why}` });
  spiralRun(tf, { until: fromEvent(globalThis, 'message') })
    .pipe(
      bufferTime(50), // some 20 messages a second, however fast it trains
      filter(({ length }) => length > 0),
    )
    .subscribe({ next: (events) => tell({ kind: 'events', events }), error: failed });
} catch (error) {
  failed(error);
}
