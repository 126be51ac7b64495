import { timer } from 'rxjs';

import type { EngineName } from '../../src/engine/engine.js';
import { growth } from './growth.js';
import { PERIOD, soak } from './soak.js';

/** `npm run soak [-- minutes [engine …]]`: half an hour of wasm, and half an hour of native TensorFlow, unless told otherwise; fails if anything grows. */
const [minutes = '30', ...names] = process.argv.slice(2);
const engines = (names.length > 0 ? names : ['wasm', 'node']) as EngineName[];
const SAMPLE_EVERY = 60 * PERIOD;
/** A number that is kept in each step would be 8. */
const MOST_BYTES_PER_STEP = 1;

let failed = false;
for (const name of engines) {
  const result = await soak(name, { until: timer(Number(minutes) * 60_000), sampleEvery: SAMPLE_EVERY });
  const { samples } = result;
  console.log(['step', 'bytes', 'compiled', 'tensors', 'held'].join('\t'));
  for (const { step, bytes, compiled, tensors, held } of samples)
    console.log([step, bytes, compiled, tensors, held].join('\t'));
  const warm = Math.floor(samples.length / 2);
  const { steps, bytesPerStep, compiledBytes, faults } = growth(result, warm, MOST_BYTES_PER_STEP);
  failed ||= faults.length > 0;
  console.log(
    `${faults.length > 0 ? 'GROWS' : 'flat '}  ${name}: ${steps} steps; from step ${samples[warm]!.step} on ${bytesPerStep.toFixed(3)} bytes a step, ` +
      `${(samples.at(-1)!.bytes - samples[warm]!.bytes) / 1e3} kB in all, and ${compiledBytes / 1e3} kB of code; ${samples[0]!.tensors} tensors`,
  );
  for (const fault of faults) console.log(`       ${fault}`);
}
process.exit(failed ? 1 : 0);
