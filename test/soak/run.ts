import { timer } from 'rxjs';

import type { EngineName } from '../../src/engine/engine.js';
import { soak } from './soak.js';

/** `npm run soak [-- minutes [engine …]]`: half an hour, shared by wasm and native TensorFlow, unless told otherwise; fails if anything grows. */
const [minutes = '30', ...names] = process.argv.slice(2);
const engines = (names.length > 0 ? names : ['wasm', 'node']) as EngineName[];
/** Code that is still being compiled costs some at first; an event that is kept would be a thousand. */
const MOST_BYTES_PER_STEP = 100;
/** What is under way: a batch ahead, a window, the newest events. */
const MOST_HELD = 20;

let failed = false;
for (const name of engines) {
  const until = timer((Number(minutes) / engines.length) * 60_000);
  const { steps, bytesPerStep, tensors, left, held } = await soak(name, { until, sampleEvery: 500 });
  const isFlat = bytesPerStep <= MOST_BYTES_PER_STEP && tensors[0] === tensors[1] && left === 0 && held < MOST_HELD;
  failed ||= !isFlat;
  console.log(
    `${isFlat ? 'flat' : 'GROWS'}  ${name}: ${steps} steps, ${bytesPerStep.toFixed(2)} bytes a step (at most ${MOST_BYTES_PER_STEP}), ` +
      `${tensors.join(' to ')} tensors, ${left} left; ${held} batches and events held`,
  );
}
process.exit(failed ? 1 : 0);
