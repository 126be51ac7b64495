// A small GPT that learns to write sonnets, character by character: attention written in TensorFlow.js, trained as any other model.
//
//   npm run build && npx tsx --tsconfig tsconfig.build.json examples/gpt.ts
//
// On native TensorFlow every step runs as one graph, dropout included. Ctrl-C ends the run after the step that is under way, and writes with what has been
// learned. A whole run must get the loss below 1, from 4 for letters at random, else it fails.
import { fromEvent, lastValueFrom, merge, toArray } from 'rxjs';
import {
  adamw,
  ema,
  engine,
  oneCycle,
  seededRandom,
  sparseSoftmaxCrossEntropy,
  tee,
  throughput,
  train,
  type Batch,
} from 'gradstream';
import { progressBar } from 'gradstream/sinks';

import { alphabetOf, continued, gpt } from './gptModel.js';
import { sonnets } from './gptText.js';

const TARGET = 1;
const STEPS = 600;
const MICRO_BATCH = 16;
const ACCUMULATE = 2;
const CONTEXT = 64;

const began = performance.now();
const { tf, name, about } = await engine('auto');
const alphabet = alphabetOf(sonnets);
const text = alphabet.encode(sonnets);
const model = gpt(tf, {
  vocabulary: alphabet.size,
  context: CONTEXT,
  width: 96,
  heads: 4,
  layers: 3,
  dropout: 0.1,
  seed: 1,
});
const weights = model.variables.reduce((sum, { size }) => sum + size, 0);
console.log(`${text.length} characters to learn, ${weights} weights, on ${name} (${about}); Ctrl-C stops`);

/** Pieces of the text from anywhere; what is to be learned is the next character at every place. */
function* pieces(epoch: number): Generator<Batch> {
  const random = seededRandom(1, 'pieces', epoch);
  for (let count = 0; count < text.length / CONTEXT / MICRO_BATCH; count++) {
    const starts = Array.from({ length: MICRO_BATCH }, () => random.nextInt(text.length - CONTEXT));
    const cut = (shift: number) => ({
      data: Int32Array.from(starts.flatMap((at) => [...text.subarray(at + shift, at + shift + CONTEXT)])),
      shape: [MICRO_BATCH, CONTEXT],
    });
    yield { xs: cut(0), ys: cut(1) };
  }
}

const events = await lastValueFrom(
  train(model, pieces, {
    loss: sparseSoftmaxCrossEntropy,
    optimizer: adamw({ learningRate: oneCycle(3e-3, STEPS), weightDecay: 0.1 }),
    accumulate: ACCUMULATE,
    clipNorm: 1,
    steps: STEPS,
    until: merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM')),
  }).pipe(ema('loss', { alpha: 0.05 }), throughput(50), tee(progressBar({ steps: STEPS })), toArray()),
);

const random = seededRandom(1, 'write');
const written = await continued(tf, model, alphabet.encode('\n\n'), {
  length: 600,
  context: CONTEXT,
  temperature: 0.7,
  random: () => random.nextFloat(),
});
model.dispose();

const steps = events.flatMap((event) => (event.type === 'step' ? [event] : []));
const [first, newest, end] = [steps.at(0), steps.at(-1), events.at(-1)];
const reached = newest?.ema['loss'] ?? Infinity;
const stopped = end?.type === 'end' && end.reason === 'until';
console.log(
  [
    '',
    `${stopped ? 'stopped' : 'done'} after ${steps.length} steps, ${((performance.now() - began) / 1e3).toFixed(0)} s`,
    `loss per character: ${first?.loss.toFixed(2)} at first, ${reached.toFixed(2)} now`,
    'it writes:',
    alphabet.decode(written),
  ].join('\n'),
);
if (!stopped && !(reached < TARGET)) throw new Error(`the loss must be below ${TARGET}, it is ${reached}`);
