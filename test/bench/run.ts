// Speed and memory, side by side in one process: `npm run bench [-- models [engine [rounds]]]`, as in `npm run bench -- tiny,deep wasm 5`.
//
// Every round times each contender once, in turn, so that a machine that slows down slows all of them; a ratio is the median of the rounds' ratios.
import { writeFileSync } from 'node:fs';

import { engine, type EngineName } from '../../src/engine/engine.js';
import { AS_SHIPPED, contenders } from './contenders.js';
import { useWasmKernels, wasmKernels } from './kernels.js';
import { eventRate, flatHeap, peakMemory } from './memory.js';
import { makeBatches, makeModel, type BenchModel } from './models.js';

const [models = 'tiny,mlp,deep,cnn', engineName = 'wasm', rounds = '5'] = process.argv.slice(2);
/** Steps of a round. */
const STEPS: Record<BenchModel, number> = { tiny: 100, mlp: 10, deep: 25, cnn: 4 };
const MICRO_BATCH = 32;
const K = 4;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const shipped = await wasmKernels(); // before any engine has been opened
const rows: Record<string, string | number>[] = [];

for (const kind of models.split(',').filter(Boolean) as BenchModel[]) {
  const name = engineName as EngineName;
  const { tf } = await engine(name);
  const own = await wasmKernels();
  const data = makeBatches(kind, 32, MICRO_BATCH);
  const times: Record<string, number[]> = {};
  for (let round = 0; round < Number(rounds); round++) {
    for (const [contender, run] of Object.entries(contenders)) {
      // As shipped, wasm has no gradient for convolutions; elsewhere nothing has been replaced.
      if (contender === AS_SHIPPED && (kind === 'cnn' || name !== 'wasm')) continue;
      const model = makeModel(tf, kind);
      await useWasmKernels(contender === AS_SHIPPED ? shipped : own);
      (times[contender] ??= []).push((await run(tf, model, data, STEPS[kind])) / (STEPS[kind] * K));
      model.dispose();
    }
  }
  for (const [contender, ms] of Object.entries(times)) {
    const over = (base: string) =>
      times[base] ? median(ms.map((value, i) => value / times[base]![i]!)).toFixed(3) : '–';
    rows.push({
      model: kind,
      engine: name,
      contender,
      msPerMicroBatch: Number(median(ms).toFixed(3)),
      min: Number(Math.min(...ms).toFixed(3)),
      max: Number(Math.max(...ms).toFixed(3)),
      [`× ${AS_SHIPPED}`]: over(AS_SHIPPED),
      '× tf.train.adam loop': over('tf.train.adam loop'),
      '× loop, our Adam': over('loop, our Adam'),
    });
    console.log(JSON.stringify(rows.at(-1)));
  }
}

const { tf } = await engine('cpu');
const others = { ...(await peakMemory(tf)), ...(await eventRate()), ...(await flatHeap(tf)) };
console.table(rows);
console.table(others);
const report = {
  node: process.version,
  tfjs: tf.version_core,
  microBatch: MICRO_BATCH,
  accumulate: K,
  rounds: Number(rounds),
  rows,
  ...others,
};
writeFileSync(new URL('results.json', import.meta.url), `${JSON.stringify(report, null, 2)}\n`);
