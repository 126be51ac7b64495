// Speed and memory, side by side in one run: `npm run bench [-- models [engine [rounds]]]`, as in `npm run bench -- tiny,deep,memory,checkpoint,sinks wasm 5`.
//
// First every contender takes the same 12 steps from the same weights, and its losses must be those of the loop by hand: so the same work is timed.
// Then every round times each contender once, in turn, so that a machine that slows down slows all of them; a ratio is the median of the rounds' ratios.
// A contender takes as many steps as last about a second, after a third as many to get warm: compilers of JavaScript need hundreds of them.
// With 0 rounds only the losses are compared. PyTorch and Lightning take their turns in a Python process, if `npm run bench:peers` has installed them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';

import { engine, type Engine, type EngineName } from '../../src/engine/engine.js';
import { drawResults } from './chart.js';
import { checkpointCost } from './checkpoint.js';
import { dashboardCost } from './dashboard.js';
import { AS_SHIPPED, BY_HAND, COMPILED, contenders, FIT, K, type Run } from './contenders.js';
import { exportModel } from './exportModel.js';
import { useWasmKernels, wasmKernels } from './kernels.js';
import { eventRate, flatHeap, peakMemory } from './memory.js';
import { makeBatches, makeModel, SIZES, type BenchModel } from './models.js';
import { openPeers } from './peers.js';
import { DISTURBED, quietest } from './quiet.js';
import { replicasCost } from './replicas.js';
import { markdown, rowsOf, shown, TOLERANCE, type Row } from './report.js';
import { sinksCost } from './sinks.js';

/** Steps whose losses are compared: later, Adam makes steps of what is only rounding in a conv net's smallest gradients. */
const CHECKED = 12;
/** How long a timed run is to last, in milliseconds, and how many steps it has at least. */
const TIMED_MS = 1000;
const LEAST = 3;
/** Batches that come again and again. */
const BATCHES = 32;
/** What TensorFlow.js's own kernels for wasm can train. */
const TRAINABLE_AS_SHIPPED: readonly BenchModel[] = ['tiny', 'mlp', 'deep'];

/** What is no model. */
const BESIDES = ['memory', 'checkpoint', 'sinks', 'dashboard', 'replicas'];
const ALL = [...Object.keys(SIZES), ...BESIDES];
const [asked = ALL.join(','), engineName, rounds = '5'] = process.argv.slice(2);
const names = asked.split(',');
const unknown = names.find((name) => !ALL.includes(name));
if (unknown !== undefined) throw new Error(`bench: models must be some of ${ALL.join(', ')}, received ${unknown}`);
const kinds = names.filter((name) => !BESIDES.includes(name)) as BenchModel[];

const shipped = await wasmKernels(); // before any engine has been opened
const chosen = await engine((engineName as EngineName | undefined) ?? 'auto');
const own = chosen.name === 'wasm' ? await wasmKernels() : [];
console.log(`${chosen.name}: ${chosen.about}`);

const folder = mkdtempSync(join(tmpdir(), 'gradstream-bench-'));
const peers = await openPeers(folder, chosen.about.endsWith('GPU') ? 'cuda' : 'cpu');
console.log(peers.about);

const rows: Row[] = [];
/** What other work had of the processor in each timed run. */
const shares: number[] = [];
try {
  for (const kind of kinds) rows.push(...(await measure(kind, chosen)));
} finally {
  peers.close();
  rmSync(folder, { recursive: true });
}

const checkpoints =
  names.includes('checkpoint') && Number(rounds) > 0 ? await checkpointCost(chosen, Number(rounds)) : {};
const sinks = names.includes('sinks') && Number(rounds) > 0 ? await sinksCost(chosen, Number(rounds)) : {};
const looks = names.includes('dashboard') && Number(rounds) > 0 ? await dashboardCost(chosen, Number(rounds)) : {};
const replicas = names.includes('replicas') && Number(rounds) > 0 ? await replicasCost(Number(rounds)) : {};
const others = {
  ...checkpoints,
  ...sinks,
  ...looks,
  ...replicas,
  ...(names.includes('memory') ? await measureMemory() : {}),
};
if (rows.length > 0 && Number(rounds) > 0) {
  const where = [cpus()[0]!.model.trim(), `${cpus().length} cores`, chosen.about, peers.about];
  console.log(markdown(rows));
  // The picture is the README's: a part of the models would not do.
  if (kinds.length === Object.keys(SIZES).length)
    drawResults(new URL('results.svg', import.meta.url), rows, where.join(', '));
}
const disturbed = shares.filter((share) => share > DISTURBED).length;
const report = {
  node: process.version,
  tfjs: chosen.tf.version_core,
  engine: `${chosen.name}: ${chosen.about}`,
  peers: peers.about,
  processor: `${cpus()[0]!.model.trim()}, ${cpus().length} cores`,
  accumulate: K,
  rounds: Number(rounds),
  tolerance: TOLERANCE,
  disturbed,
  rows,
  ...others,
};
writeFileSync(new URL('results.json', import.meta.url), `${JSON.stringify(report, null, 2)}\n`);

const wrong = rows.filter(({ sameLoss }) => !sameLoss);
for (const { model, contender, lossOff: off } of wrong)
  console.error(`bench: ${contender} must reach the losses of ${BY_HAND} on ${model} to ${TOLERANCE}, off by ${off}`);
if (disturbed > 0)
  console.error(
    `bench: other work had up to ${Math.round(100 * Math.max(...shares))} % of the processor in ${disturbed} of ${shares.length} timed runs; ` +
      'only what is measured on a quiet machine counts',
  );
process.exit(wrong.length > 0 ? 1 : 0);

/** What does not depend on the engine, measured on the reference. */
async function measureMemory(): Promise<Record<string, number>> {
  const { tf } = await engine('cpu');
  const { warn } = console;
  console.warn = () => {}; // advice on which backend to take
  const measured = { ...(await peakMemory(tf)), ...(await eventRate()), ...(await flatHeap(tf)) };
  console.warn = warn;
  console.table(measured);
  return measured;
}

/** Checks and times every contender on one model. */
async function measure(kind: BenchModel, { name, tf }: Engine): Promise<Row[]> {
  const microBatch = SIZES[kind];
  const data = makeBatches(kind, BATCHES, microBatch);
  const first = makeModel(tf, kind);
  await exportModel(folder, kind, first, data);
  const hasFit = 'fit' in first;
  first.dispose();

  const run = async (contender: string, warmUp: number, steps: number, check = false): Promise<Run> => {
    if (peers.names.includes(contender)) return peers.run(kind, contender, warmUp, steps);
    if (name === 'wasm') await useWasmKernels(contender === AS_SHIPPED ? shipped : own);
    const model = makeModel(tf, kind);
    const result = await contenders[contender]!({ tf, kind, model, data, warmUp, steps, check });
    model.dispose();
    return result;
  };
  // Only on wasm has anything been replaced, only `node` compiles, and a model that is not made of layers has no `fit`.
  const runsHere = (contender: string): boolean => {
    if (contender === COMPILED) return name === 'node';
    if (contender === AS_SHIPPED) return name === 'wasm' && TRAINABLE_AS_SHIPPED.includes(kind);
    return contender !== FIT || hasFit;
  };

  const losses = new Map<string, readonly number[]>();
  const steps = new Map<string, number>();
  for (const contender of [...Object.keys(contenders).filter(runsHere), ...peers.names]) {
    try {
      const checked = await run(contender, LEAST, CHECKED - LEAST, true);
      losses.set(contender, checked.losses);
      steps.set(contender, Math.max(LEAST, Math.round((TIMED_MS * (CHECKED - LEAST)) / checked.ms)));
    } catch (error) {
      if (!peers.names.includes(contender)) throw error;
      console.log(`${kind} without ${contender}: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  const times = new Map([...losses.keys()].map((contender) => [contender, [] as number[]]));
  for (let round = 0; round < Number(rounds); round++) {
    for (const [contender, ms] of times) {
      const count = steps.get(contender)!;
      const timed = await quietest(() => run(contender, Math.max(LEAST, Math.round(count / 3)), count));
      ms.push(timed.ms / (count * K));
      shares.push(timed.others);
    }
  }
  const measured = rowsOf(kind, times, losses);
  console.log(`\n${kind}, ${microBatch} samples, milliseconds per micro-batch`);
  console.table(measured.map(shown));
  return measured;
}
