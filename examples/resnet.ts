// A small ResNet with batch norm learns the handwritten digits of digits.ts, on the best engine there is.
//
//   npm run build && npx tsx --tsconfig tsconfig.build.json examples/resnet.ts
//
// On native TensorFlow every step runs as one graph, and sets the moving means of the batch norms on its way; validation uses them. Ctrl-C ends the run after
// the step that is under way. A whole run must reach 97 % on digits it has not seen, else it fails.
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
import { progressBar } from 'gradstream/sinks';

import { mnistDigits, shifted } from './mnistDigits.js';
import { resnet } from './resnetModel.js';

const TARGET = 0.97;
const EPOCHS = 6;
const MICRO_BATCH = 32;
const ACCUMULATE = 2;

const began = performance.now();
const { tf, name, about } = await engine('auto');
const { training, held, count } = mnistDigits();
const steps = EPOCHS * Math.ceil(Math.ceil(count / MICRO_BATCH) / ACCUMULATE);
const heldBatches = held.pipe(batch(256));

const model = resnet(tf, { side: 28, classes: 10, widths: [16, 32, 64], blocks: 1, seed: 1 });
console.log(
  `${count} digits to learn, ${EPOCHS} epochs, ${model.countParams()} weights, on ${name} (${about}); Ctrl-C stops`,
);

const events = await lastValueFrom(
  train(model, (epoch) => training.pipe(shuffle({ seed: 1, epoch }), map(shifted(epoch)), batch(MICRO_BATCH)), {
    loss: sparseSoftmaxCrossEntropy,
    optimizer: adamw({ learningRate: oneCycle(1e-2, steps), weightDecay: 0.05 }),
    accumulate: ACCUMULATE,
    metrics: { accuracy },
    epochs: EPOCHS,
    until: merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM')),
  }).pipe(
    ema('loss', { alpha: 0.02 }),
    throughput(50),
    validateEvery(130, heldBatches),
    tee(progressBar({ steps })),
    toArray(),
  ),
);

const { metrics, samples } = await lastValueFrom(
  evaluate(model, heldBatches, { loss: sparseSoftmaxCrossEntropy, metrics: { accuracy } }),
);
model.dispose();

const end = events.at(-1);
const reached = metrics['accuracy']!;
const stopped = end?.type === 'end' && end.reason === 'until';
console.log(
  [
    '',
    `${stopped ? 'stopped' : 'done'} after ${end?.globalStep} steps, ${((performance.now() - began) / 1e3).toFixed(0)} s`,
    `${(reached * 100).toFixed(2)} % of ${samples} digits it has not seen are read right`,
  ].join('\n'),
);
if (!stopped && reached < TARGET) throw new Error(`the accuracy must be at least ${TARGET}, it is ${reached}`);
