// The main job: a small network learns real handwritten digits, with gradient accumulation, on the wasm engine.
//
//   npm start                 a progress line, validation on the same axis, a summary and examples/out/digits.svg
//   npm start > log.txt       plain lines
//
// Ctrl-C stops after the step that is under way and keeps what there is. It must reach 95 % on digits it has not seen, else it fails.
import { fromEvent, lastValueFrom, merge, tap, toArray } from 'rxjs';
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
import { progressBar } from 'gradstream/sinks';

import { map } from 'ix/asynciterable/operators';

import { mnistDigits, shifted } from './mnistDigits.js';

const TARGET = 0.95;
const EPOCHS = 10;
const MICRO_BATCH = 16;
const ACCUMULATE = 4;

const { tf } = await engine('wasm');
const { training, held, count } = mnistDigits();
const steps = EPOCHS * Math.ceil(Math.ceil(count / MICRO_BATCH) / ACCUMULATE);

const init = (seed: number) => tf.initializers.heNormal({ seed });
const model = tf.sequential({
  layers: [
    tf.layers.dense({ inputShape: [784], units: 192, activation: 'relu', kernelInitializer: init(1) }),
    tf.layers.dense({ units: 10, kernelInitializer: init(2) }),
  ],
});
const t = performance.now();
const batches = (epoch: number) => training.pipe(shuffle({ seed: epoch }), map(shifted(epoch)), batch(MICRO_BATCH));
const events = await lastValueFrom(
  train(model, batches, {
    loss: sparseSoftmaxCrossEntropy,
    optimizer: adamw({ learningRate: oneCycle(3e-3, steps), weightDecay: 0.05 }),
    accumulate: ACCUMULATE,
    metrics: { accuracy },
    epochs: EPOCHS,
    until: merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM')),
  }).pipe(
    ema('loss', { alpha: 0.02 }),
    throughput(),
    validateEvery(100, held.pipe(batch(256))),
    tee(progressBar({ steps })),
    toArray(),
  ),
);
const { metrics } = await lastValueFrom(
  evaluate(model, held.pipe(batch(256)), { loss: sparseSoftmaxCrossEntropy, metrics: { accuracy } }),
);
console.log(metrics, performance.now() - t, events.length, TARGET);
