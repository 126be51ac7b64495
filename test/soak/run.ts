import { tap, timer } from 'rxjs';

import type { EngineName } from '../../src/engine/engine.js';
import { growth } from './growth.js';
import { PERIOD, soak, type SoakOptions } from './soak.js';

/**
 * `npm run soak [-- length [engine …]]`: half an hour of wasm, and half an hour of native TensorFlow, unless told otherwise; fails if anything grows. The
 * length is in minutes ('30min') or in steps ('540'). `leak` for an engine keeps some 50 bytes of each step, and must fail.
 */
const [length = '30min', ...words] = process.argv.slice(2);
const names = words.filter((word) => word !== 'leak') as EngineName[];
const kept: object[] = [];
const leak: Pick<SoakOptions, 'also'> = words.includes('leak')
  ? { also: tap(() => kept.push({ time: performance.now() })) }
  : {};
const minutes = length.endsWith('min') ? parseFloat(length) : undefined;
const until = minutes
  ? { until: timer(minutes * 60_000), sampleEvery: 60 * PERIOD }
  : { steps: Number(length), sampleEvery: Number(length) / 2 };
/** What comes and goes makes up to 3 kB: 10 bytes a step in hundreds of steps, nothing in thousands. A number that is kept in each step would be 8. */
const mostBytesPerStep = minutes ? 1 : 20;

let failed = false;
for (const name of names.length > 0 ? names : (['wasm', 'node'] as const)) {
  const result = await soak(name, { ...until, ...leak });
  const { steps, bytesPerStep, bytes, compiledBytes, faults } = growth(result, mostBytesPerStep);
  console.log(['step', 'bytes', 'compiled', 'tensors', 'held'].join('\t'));
  for (const { step, bytes, compiled, tensors, held } of result.samples)
    console.log([step, bytes, compiled, tensors, held].join('\t'));
  console.log(
    `${faults.length > 0 ? 'GROWS' : 'flat'}  ${name}: steps ${steps.join(' to ')}: ${bytesPerStep.toFixed(3)} bytes a step (at most ${mostBytesPerStep}), ` +
      `${bytes / 1e3} kB in all, and ${compiledBytes / 1e3} kB of code`,
  );
  for (const fault of faults) console.log(`       ${fault}`);
  failed ||= faults.length > 0;
}
process.exit(failed ? 1 : 0);
