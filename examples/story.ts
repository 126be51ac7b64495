// The story that gradstream begins with: one run, whose loss is logged in every way that was tried, and the picture of it.
//
//   npm run build && npx tsx --tsconfig tsconfig.build.json examples/story.ts
//
// Two replicas in this process learn handwritten digits; a step is made of four micro-batches from each. Writes examples/out/story.svg and
// prints what each log is like. It fails if one is not as it says.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

import { connect, forkJoin, lastValueFrom, take, toArray, type Observable } from 'rxjs';
import {
  accumulate,
  adam,
  backward,
  batch,
  engine,
  forward,
  fromPull,
  last,
  mergeReplicas,
  metric,
  optimizerStep,
  readback,
  shard,
  shuffle,
  sparseSoftmaxCrossEntropy,
  validateEvery,
} from 'gradstream';

import { allWays, type LogPoint, type WayName } from './attempts.js';
import { mnistDigits } from './mnistDigits.js';
import { writeCharts } from './plot.js';
import { storyCharts } from './storyCharts.js';
import { factsOf, verdicts, type LogFacts } from './storyFacts.js';

const REPLICAS = 2;
const MICRO_BATCHES = 4;
const STEPS = 120;
const EVERY = 5;
const picture = new URL('out/story.svg', import.meta.url);

const { tf } = await engine('wasm');
const { training, held } = mnistDigits();
const model = tf.sequential({
  layers: [tf.layers.dense({ inputShape: [784], units: 10, kernelInitializer: 'zeros' })],
});

// Merged over replicas by `last`, it is what one of them has seen by itself: what a program logs that knows nothing of the others.
const own = metric(sparseSoftmaxCrossEntropy, last);

const replica$ = (rank: number) =>
  fromPull(training.pipe(shuffle({ seed: 1 }), shard(rank, REPLICAS), batch(8))).pipe(
    forward(model, sparseSoftmaxCrossEntropy, { metrics: { own } }),
    backward(),
  );
const event$ = mergeReplicas([replica$(0), replica$(1)]).pipe(
  accumulate(MICRO_BATCHES),
  optimizerStep(adam({ learningRate: 3e-3 })),
  readback(),
  take(STEPS),
  validateEvery(EVERY, held.pipe(batch(512)), {}),
);

const ways = allWays({ every: EVERY, alpha: 0.1 });
const names = Object.keys(ways) as WayName[];
const logs = await lastValueFrom(
  event$.pipe(
    // One run for all of them: subscribed once, seen by each.
    connect((run$) => {
      const logged = names.map((name) => [name, run$.pipe(ways[name], toArray())] as const);
      return forkJoin(Object.fromEntries(logged) as Record<WayName, Observable<LogPoint[]>>);
    }),
  ),
);
model.dispose();

const story = { microBatches: MICRO_BATCHES, every: EVERY, steps: STEPS };
writeCharts(picture, storyCharts(logs, story), { title: 'One run, logged in seven ways', columns: 2 });

const facts = Object.fromEntries(names.map((name) => [name, factsOf(logs[name])])) as Record<WayName, LogFacts>;
const says = verdicts(MICRO_BATCHES);
const print = (...cells: string[]): void =>
  console.log(cells.map((cell, i) => (i % 5 === 0 ? cell.padEnd(14) : cell.padStart(9))).join(' '));
print('', 'points', 'at one x', 'axis', 'noise', '  what is wrong or right');
for (const name of names) {
  const { points, perStep, axis, noise } = facts[name];
  print(name, `${points}`, `${perStep}`, `${axis} x`, noise ? noise.toFixed(3) : '-', `  ${says[name]}`);
}
console.log(`\nThe picture: ${fileURLToPath(picture)}`);

assert.equal(facts.naive.axis, MICRO_BATCHES, 'naive: training must take k times the axis');
for (const name of names.slice(1))
  assert.equal(facts[name].axis, 1, `${name}: training and validation must share an axis`);
assert.equal(facts['attempt 1'].perStep, MICRO_BATCHES, '1: every micro-batch must be a point on its step');
assert.equal(facts['attempt 2'].perStep, MICRO_BATCHES, '2: a step that is logged must still have as many points');
assert.equal(facts['attempt 3'].perStep, 1, '3: a step must be one point');
assert(
  facts['attempt 3'].noise > 2 * facts['attempt 4'].noise,
  '4: the average must be twice as calm as the sample, at least',
);
assert(facts['attempt 4'].noise > facts['attempt 5'].noise, '5: the average over all replicas must be calmer still');
assert.deepEqual(logs.operators, logs['attempt 5'], 'the operators must give the points of attempt 5');
