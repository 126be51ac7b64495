// Which learning rate, which micro-batch? A run that is under way is asked, and goes on as if nothing had been.
//
//   npm run build && npx tsx --tsconfig tsconfig.build.json examples/findLearningRate.ts
//
// A network learns handwritten digits at a careful rate. Its step 60 waits while a learning-rate range test and a batch-size probe work on forks: the one
// from the checkpoint of step 40, the other on the weights of step 60. The rest of the run, events and weights, must be bit-equal to a run that was never
// asked, and the rate that was found must be better than the run's own, else the program fails.
import assert from 'node:assert/strict';

import { map } from 'ix/asynciterable/operators';
import { concat, defer, filter, first, identity, ignoreElements, lastValueFrom, map as mapEvents, of, repeat, switchMap, tap, toArray } from 'rxjs'; // prettier-ignore
import {
  accuracy,
  adamw,
  batch,
  engine,
  evaluate,
  eventLine,
  fork,
  shuffle,
  sparseSoftmaxCrossEntropy,
  train,
  waitMap,
  type TrainingEvent,
} from 'gradstream';
import { checkpointEvery, latest, memoryStore, type Checkpoint } from 'gradstream/checkpoint';

import { rateChart, sizeTable, table } from './findings.js';
import { mnistDigits, shifted } from './mnistDigits.js';
import { tryOut, type Findings } from './tryOut.js';

const OWN_RATE = 1e-4;
const STEPS = 120;
const SAVE_EVERY = 40;
const ASK_AT = 60;
const MORE = 100;
const TARGET = 0.85;

const { tf } = await engine('wasm');
const { training, held, count } = mnistDigits();
const loss = sparseSoftmaxCrossEntropy;
const batches = (epoch: number) => training.pipe(shuffle({ seed: 1, epoch }), map(shifted(epoch)), batch(16));
const optionsAt = (learningRate: number) => ({
  loss,
  optimizer: adamw({ learningRate, weightDecay: 0.05 }),
  accumulate: 4,
});
const network = () => {
  const kernelInitializer = (seed: number) => tf.initializers.heNormal({ seed });
  return tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [784], units: 256, activation: 'relu', kernelInitializer: kernelInitializer(1) }),
      tf.layers.dense({ units: 10, kernelInitializer: kernelInitializer(2) }),
    ],
  });
};
type Network = ReturnType<typeof network>;

console.log(`${count} digits to learn at a rate of ${OWN_RATE}; step ${ASK_AT} waits while the run is asked`);
const [asked, never] = [network(), network()];
let from: Checkpoint | undefined;
let findings: Findings | undefined;
const store = memoryStore();
// The checkpoint is written beside the steps, so it may have to be waited for.
const asking$ = defer(() => latest(store)).pipe(
  repeat({ delay: 1 }),
  first((checkpoint) => checkpoint !== undefined),
  switchMap((checkpoint) => {
    from = checkpoint;
    return tryOut(asked, training, batches, { ...optionsAt(OWN_RATE), from, sizes: [16, 2048] });
  }),
  tap((found) => (findings = found)),
  ignoreElements(),
);
const ask = waitMap((event: TrainingEvent) =>
  event.type === 'step' && event.globalStep === ASK_AT ? concat(asking$, of(event)) : of(event),
);
const lines = await run(asked, ask);
assert.deepEqual(lines, await run(never));
assert.deepEqual(await bitsOf(asked), await bitsOf(never));
assert.ok(from && findings);

const { points, learningRate, trials } = findings;
console.log(
  [
    '',
    rateChart(points, learningRate),
    '',
    `${points.length} rates were tried from the checkpoint of step ${from.globalStep}; the loss falls fastest at ${short(learningRate)}`,
    '',
    sizeTable(trials),
    '',
    `the run went on to step ${STEPS}, bit-equal to one that was never asked: ${lines.length} events, ${never.countParams()} weights`,
  ].join('\n'),
);

// From the same checkpoint on, at either rate: which is better?
const rates = [OWN_RATE, learningRate];
const reached = [await further(from, OWN_RATE), await further(from, learningRate)] as const;
console.log(
  [
    '',
    `${MORE} steps more from the checkpoint, then ${reached[0].samples} digits it has not seen:`,
    '',
    table(
      ['rate', 'loss', 'read right'],
      reached.map(({ loss, metrics: { accuracy } }, i) => [
        short(rates[i]!),
        loss.toFixed(3),
        `${(accuracy! * 100).toFixed(1)} %`,
      ]),
    ),
  ].join('\n'),
);
const [own, better] = reached.map(({ metrics: { accuracy } }) => accuracy!);
if (!(better! > own! && better! > TARGET))
  throw new Error(`the rate that was found must read more digits right, and ${TARGET} of them, it reads ${better}`);

/** Two digits are all that a suggestion is good for. */
function short(rate: number): string {
  return String(Number(rate.toPrecision(2)));
}

/** The whole run: its events, but for the checkpoints, whose place among the others is up to the machine. */
function run(model: Network, stage: typeof ask = identity): Promise<string[]> {
  return lastValueFrom(
    train(model, batches, { ...optionsAt(OWN_RATE), steps: STEPS }).pipe(
      checkpointEvery(SAVE_EVERY, model === asked ? store : memoryStore()),
      stage,
      filter(({ type }) => type !== 'checkpoint'),
      mapEvents((event) => eventLine(event)),
      toArray(),
    ),
  );
}

/** How well the network reads after some steps more, at a rate, from a checkpoint on; afterwards it is as before. */
function further(from: Checkpoint, rate: number) {
  const more = { ...optionsAt(rate), from, steps: from.globalStep + MORE };
  const work = () =>
    concat(
      train(asked, batches, more).pipe(ignoreElements()),
      evaluate(asked, held.pipe(batch(256)), { loss, metrics: { accuracy } }),
    );
  return lastValueFrom(fork(asked, work));
}

async function bitsOf(model: Network): Promise<Uint8Array[]> {
  const weights = await Promise.all(model.getWeights().map((weight) => weight.data()));
  return weights.map((weight) => new Uint8Array(weight.slice().buffer));
}
