// A process that says which signal it has got, and does not come back to it for seconds: it is got again by `fromSignals.test.ts`.
import { writeSync } from 'node:fs';

import { fromSignals } from '../../src/checkpoint/fromSignals.js';

fromSignals().subscribe((signal) => {
  writeSync(1, signal);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5000);
  process.exit();
});
setInterval(() => undefined, 1e6);
writeSync(1, 'ready');
