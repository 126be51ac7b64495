// The main job: a small network learns real handwritten digits, with gradient accumulation, on the wasm engine.
//
//   npm start                 a progress line, validation on the same axis, a summary and examples/out/digits.svg
//   npm start > log.txt       plain lines
//
// Ctrl-C ends the run after the step that is under way, and keeps what there is. A whole run must reach 95 % on digits it has not seen, else it fails.
import { mkdir, writeFile } from 'node:fs/promises';

import { map } from 'ix/asynciterable/operators';
import { fromEvent, lastValueFrom, merge, toArray } from 'rxjs';
import {
  accuracy,
  adamw,
  batch,
  ema,
  engine,
  evaluate,
  oneCycle,
  shuffle,
  sparseSoftmaxCrossEntropy,
  tee,
  throughput,
  train,
  validateEvery,
} from 'gradstream';
import { plotRun } from 'gradstream/plot';
import { progressBar } from 'gradstream/sinks';

import { mnistDigits, shifted } from './mnistDigits.js';

const TARGET = 0.95;
const EPOCHS = 15;
const MICRO_BATCH = 16;
const ACCUMULATE = 4;

const began = performance.now();
const { tf } = await engine('wasm');
const { training, held, count } = mnistDigits();
const microBatches = Math.ceil(count / MICRO_BATCH);
const steps = EPOCHS * Math.ceil(microBatches / ACCUMULATE);
const heldBatches = held.pipe(batch(256));

const kernelInitializer = (seed: number) => tf.initializers.heNormal({ seed });
const model = tf.sequential({
  layers: [
    tf.layers.dense({ inputShape: [784], units: 256, activation: 'relu', kernelInitializer: kernelInitializer(1) }),
    tf.layers.dense({ units: 10, kernelInitializer: kernelInitializer(2) }),
  ],
});
console.log(
  `${count} digits to learn, ${EPOCHS} epochs, micro-batches of ${MICRO_BATCH}, ${ACCUMULATE} to a step; Ctrl-C stops`,
);

const events = await lastValueFrom(
  train(model, (epoch) => training.pipe(shuffle({ seed: 1, epoch }), map(shifted(epoch)), batch(MICRO_BATCH)), {
    loss: sparseSoftmaxCrossEntropy,
    optimizer: adamw({ learningRate: oneCycle(3e-3, steps), weightDecay: 0.05 }),
    accumulate: ACCUMULATE,
    metrics: { accuracy },
    epochs: EPOCHS,
    until: merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM')),
  }).pipe(
    ema('loss', { alpha: 0.01 }),
    throughput(100),
    validateEvery(100, heldBatches),
    tee(progressBar({ steps })),
    toArray(),
  ),
);

const { metrics, samples } = await lastValueFrom(
  evaluate(model, heldBatches, { loss: sparseSoftmaxCrossEntropy, metrics: { accuracy } }),
);
const file = new URL('out/digits.svg', import.meta.url);
await mkdir(new URL('.', file), { recursive: true });
await writeFile(
  file,
  await plotRun(events, { title: 'Handwritten digits', panels: ['loss', 'accuracy', 'learningRate'] }),
);

const end = events.at(-1);
const reached = metrics['accuracy']!;
const stopped = end?.type === 'end' && end.reason === 'until';
console.log(
  [
    '',
    `${stopped ? 'stopped' : 'done'} after ${end?.globalStep} steps, ${((performance.now() - began) / 1e3).toFixed(0)} s`,
    `${(reached * 100).toFixed(2)} % of ${samples} digits it has not seen are read right`,
    `plot: ${file.pathname}`,
  ].join('\n'),
);
if (!stopped && reached < TARGET) throw new Error(`the accuracy must be at least ${TARGET}, it is ${reached}`);
