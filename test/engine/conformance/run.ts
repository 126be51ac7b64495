// TensorFlow.js's own tests over one engine: `tsx test/engine/conformance/run.ts wasm`; 'wasm as shipped' runs them without our kernels.
//
// <engine>.json holds the tests that may fail, each with a reason: a failure that is not there ends with 1. `--write` adds those of this run to it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import type * as tf from '@tensorflow/tfjs';

import { engine, type EngineName } from '../../../src/engine/engine.js';
import { compare } from './compare.js';
import { runUnderJasmine, type Outcome } from './jasmine.js';
import { declareTests } from './tests.js';

const [name = 'wasm', option] = process.argv.slice(2);

async function open(which: string): Promise<typeof tf> {
  if (which !== 'wasm as shipped') return (await engine(which as EngineName)).tf;
  await import('@tensorflow/tfjs-backend-wasm');
  const library = await import('@tensorflow/tfjs');
  await library.setBackend('wasm');
  return library;
}

/** Runs the tests; their names without the engine's, so that lists of engines can be compared. */
async function outcomesOn(which: string): Promise<Outcome[]> {
  const library = await open(which);
  const environment = { name: 'engine', backendName: library.getBackend(), isDataSync: true };
  const { log, warn } = console;
  console.log = console.warn = () => {};
  try {
    const outcomes = await runUnderJasmine(() => declareTests(environment));
    return outcomes.map((outcome) => ({ ...outcome, name: outcome.name.replace(' engine {}', '') }));
  } finally {
    Object.assign(console, { log, warn });
  }
}

const file = new URL(`${name}.json`, import.meta.url);
const listed = existsSync(file);
const expected = (listed ? JSON.parse(readFileSync(file, 'utf8')) : {}) as Record<string, string>;
const { passed, failed, skipped, unexpected, mended } = compare(await outcomesOn(name), expected);

for (const outcome of failed) console.log(`fails: ${outcome.name}: ${expected[outcome.name] ?? outcome.message}`);
for (const test of mended) console.log(`passes now, take it off the list: ${test}`);
console.log(
  `${name}: ${passed} passed, ${failed.length} failed (${unexpected.length} of them new), ${skipped} skipped`,
);
if (option === '--write') {
  const added = Object.fromEntries(unexpected.map((outcome) => [outcome.name, `reason wanted: ${outcome.message}`]));
  writeFileSync(file, `${JSON.stringify({ ...expected, ...added }, null, 2)}\n`);
}
// An engine without a list is only looked at.
process.exit(listed && unexpected.length > 0 && option !== '--write' ? 1 : 0);
