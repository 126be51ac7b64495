// Do replicas have to talk at every step? Two threads learn handwritten digits in three ways, each with half of them.
//
//   npm run build && npx tsx --tsconfig tsconfig.build.json examples/lessTalk.ts
//
// At every step, as usual; once in 20 steps (DiLoCo); at every step with 2 bytes a number. It prints what each has reached and sent, and draws
// examples/out/lessTalk.svg. Fails if one reads less than 95 % of unseen digits right, or sends more than it should.
import { mkdir, writeFile } from 'node:fs/promises';
import { isMainThread, parentPort, type Worker } from 'node:worker_threads';

import { engine, type TrainingEvent } from 'gradstream';
import { plotRun } from 'gradstream/plot';
import { inThread, startThreads } from 'gradstream/replicas';

import { table } from './findings.js';
import { trainReplica, WAYS, type Trained, type Way } from './lessTalkWays.js';
import { mnistDigits } from './mnistDigits.js';

const TARGET = 0.95;
/** Of what talking at every step sends. */
const MOST: Readonly<Record<Way, number>> = { [WAYS[0]]: 1, [WAYS[1]]: 0.06, [WAYS[2]]: 0.51 };
const STEPS = 800;

if (isMainThread) await compare();
else await trainHere();

/** One of two threads. */
async function trainHere(): Promise<void> {
  const { collective, data } = inThread();
  const { tf } = await engine('wasm');
  const kernelInitializer = (seed: number) => tf.initializers.heNormal({ seed });
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [784], units: 256, activation: 'relu', kernelInitializer: kernelInitializer(1) }),
      tf.layers.dense({ units: 10, kernelInitializer: kernelInitializer(2) }),
    ],
  });
  const plan = { ...mnistDigits(), microBatch: 32, steps: STEPS };
  const trained = await trainReplica(collective, model, data as Way, plan);
  await collective.close();
  if (collective.rank === 0) parentPort!.postMessage(trained);
}

async function compare(): Promise<void> {
  const runs = new Map<Way, Trained & { readonly seconds: number }>();
  for (const way of WAYS) {
    const began = performance.now();
    const trained = await inThreads(way);
    runs.set(way, { ...trained, seconds: (performance.now() - began) / 1e3 });
  }
  const whole = runs.get(WAYS[0])!.sent;
  const rows = [...runs].map(([way, { events, sent, seconds }]) => {
    const reached = events.findLast(({ type }) => type === 'validation') as TrainingEvent & {
      metrics: { accuracy: number };
    };
    return { way, accuracy: reached.metrics.accuracy, sent, share: sent / whole, seconds };
  });
  const file = new URL('out/lessTalk.svg', import.meta.url);
  await mkdir(new URL('.', file), { recursive: true });
  const curves = Object.fromEntries([...runs].map(([way, { events }]) => [way, events]));
  await writeFile(file, await plotRun(curves, { title: 'Two replicas that talk', panels: ['loss', 'accuracy'] }));
  console.log(
    [
      `two replicas, ${STEPS} steps each, 8330 digits, 1670 unseen ones`,
      '',
      table(
        ['the replicas talk', 'read right', 'MB sent', 'of it', 's'],
        rows.map(({ way, accuracy, sent, share, seconds }) => [
          way,
          `${(accuracy * 100).toFixed(2)} %`,
          (sent / 1e6).toFixed(1),
          `${(share * 100).toFixed(1)} %`,
          seconds.toFixed(0),
        ]),
      ),
      '',
      `plot: ${file.pathname}`,
    ].join('\n'),
  );
  for (const { way, accuracy, share } of rows) {
    if (accuracy < TARGET) throw new Error(`${way}: the accuracy must be at least ${TARGET}, it is ${accuracy}`);
    if (share > MOST[way])
      throw new Error(`${way}: at most ${MOST[way]} must be sent of what every step sends, it is ${share}`);
  }
}

/** This file as a thread's program: unlike the main thread, those of Node 20 have to be told how to read TypeScript. */
function inTypeScript(file: string): URL {
  const program = `import { tsImport } from '${import.meta.resolve('tsx/esm/api')}'; await tsImport('${file}', '${file}');`;
  return new URL(`data:text/javascript,${encodeURIComponent(program)}`);
}

/** Trains in two threads; what the first one has to say. */
async function inThreads(way: Way): Promise<Trained> {
  let said: Trained | undefined;
  const listen = (worker: Worker) => worker.on('message', (message: Trained) => (said = message));
  process.on('worker', listen);
  await startThreads(2, inTypeScript(import.meta.url), { data: way });
  process.off('worker', listen);
  if (!said) throw new Error(`${way}: the first thread must say what it has reached`);
  return said;
}
