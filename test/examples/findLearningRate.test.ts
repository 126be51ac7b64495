import * as tf from '@tensorflow/tfjs';
import { concat, defer, filter, first, identity, ignoreElements, lastValueFrom, map, of, repeat, switchMap, tap, toArray } from 'rxjs'; // prettier-ignore
import { describe, expect, it } from 'vitest';

import { rateChart, sizeTable } from '../../examples/findings.js';
import { tryOut, type Findings } from '../../examples/tryOut.js';
import { waitMap } from '../../src/core/run.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../src/checkpoint/latest.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import { batch } from '../../src/data/batch.js';
import { fromArrays } from '../../src/data/fromArrays.js';
import { shuffle } from '../../src/data/shuffle.js';
import { mse } from '../../src/losses/mse.js';
import { adam } from '../../src/optim/adam.js';
import { train } from '../../src/trainer/train.js';
import { samples } from '../support/line.js';

const all = samples(128);
const data = fromArrays({ xs: all.map(({ x }) => x), ys: all.map(({ y }) => [y]) });
const batches = (epoch: number) => data.pipe(shuffle({ seed: 2, epoch }), batch(8));
const optionsAt = (learningRate: number) => ({ loss: mse, optimizer: adam({ learningRate }), accumulate: 2 });
const OWN_RATE = 1e-3;

/** Dropout draws numbers, batch norm keeps averages: what a fork could leave behind. */
function network(): tf.LayersModel {
  const kernelInitializer = (seed: number) => tf.initializers.heNormal({ seed });
  return tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [2], units: 16, activation: 'tanh', kernelInitializer: kernelInitializer(1) }),
      tf.layers.batchNormalization(),
      tf.layers.dropout({ rate: 0.1, seed: 3 }),
      tf.layers.dense({ units: 1, kernelInitializer: kernelInitializer(2) }),
    ],
  });
}

/** A run of 24 steps, asked or not asked at step 12 about its checkpoint of step 8, which is written beside the steps and waited for. */
async function run(isAsked: boolean) {
  const model = network();
  const store = memoryStore();
  let findings: Findings | undefined;
  let from: Awaited<ReturnType<typeof latest>>;
  const asking$ = defer(() => latest(store)).pipe(
    repeat({ delay: 1 }),
    first((checkpoint) => checkpoint !== undefined),
    switchMap((checkpoint) => {
      from = checkpoint;
      return tryOut(model, data, batches, { ...optionsAt(OWN_RATE), from: checkpoint, sizes: [4, 32] });
    }),
    tap((found) => (findings = found)),
    ignoreElements(),
  );
  const ask = waitMap((event: TrainingEvent) =>
    event.type === 'step' && event.globalStep === 12 ? concat(asking$, of(event)) : of(event),
  );
  const events = await lastValueFrom(
    train(model, batches, { ...optionsAt(OWN_RATE), steps: 24 }).pipe(
      checkpointEvery(8, store),
      isAsked ? ask : identity,
      filter(({ type }) => type !== 'checkpoint'),
      map((event) => JSON.stringify(event)),
      toArray(),
    ),
  );
  const weights = model.getWeights().map((weight) => [...weight.dataSync()]);
  return { model, events, weights, findings, from };
}

describe('the example that finds a learning rate', () => {
  it('leaves the run that it asks bit-equal, events and weights, and finds a rate that trains better', async () => {
    const [asked, never] = [await run(true), await run(false)];
    const { model, findings, from } = asked;

    expect(from!.globalStep).toBe(8);
    expect(asked.events).toStrictEqual(never.events);
    expect(asked.weights).toStrictEqual(never.weights);

    const { learningRate, points, trials } = findings!;
    expect(learningRate).toBeGreaterThan(3e-3);
    expect(learningRate).toBeLessThan(0.5);
    expect(points[0]!.learningRate).toBe(1e-5);
    expect(trials.map(({ batchSize, fits }) => [batchSize, fits])).toStrictEqual([4, 8, 16, 32].map((n) => [n, true]));
    expect(Math.min(...trials.map(({ samplesPerSecond }) => samplesPerSecond))).toBeGreaterThan(0);

    const lossAfter = async (rate: number) => {
      const more$ = train(model, batches, { ...optionsAt(rate), from, steps: 48 });
      const losses = await lastValueFrom(more$.pipe(filter((event) => event.type === 'step'), map(({ loss }) => loss), toArray())); // prettier-ignore
      return losses.slice(-8).reduce((a, b) => a + b) / 8;
    };
    const [own, found, explosive] = [await lossAfter(OWN_RATE), await lossAfter(learningRate), await lossAfter(30)];
    expect(found).toBeLessThan(own / 2);
    expect(found).toBeLessThan(explosive / 2);
    asked.model.dispose();
    never.model.dispose();
  }, 30_000);
});

describe('what it prints', () => {
  const curve = [2, 2, 2, 1.5, 1, 1, 2.4, 9];
  const points = curve.map((smoothed, i) => ({ learningRate: 10 ** (i - 5), loss: smoothed, smoothed }));

  it('is a chart of what stays in the picture, over the powers of ten, with a line at the rate', () => {
    const rows = rateChart(points, 1e-2).split('\n');
    const axis = rows.at(-1)!;

    expect(axis.match(/1e-?\d/g)).toStrictEqual(['1e-5', '1e-4', '1e-3', '1e-2', '1e-1', '1e0', '1e1']);
    expect(rows.join('\n')).toContain('2.40');
    expect(rows.join('\n')).toContain('1.00┤');
    const at = rows.find((row) => row.includes('┊'))!.indexOf('┊');
    expect(Math.abs(at - axis.indexOf('1e-2'))).toBeLessThan(5);
  });

  it('is a table of sizes, in which what does not fit has no speed', () => {
    const trials = [
      { batchSize: 8, fits: true, largest: 8, samplesPerSecond: 1234.5 },
      { batchSize: 16, fits: false, largest: 8, samplesPerSecond: 99 },
    ];
    expect(sizeTable(trials)).toBe(
      ['micro-batch  fits  samples/s', '          8   yes       1235', '         16    no          –'].join('\n'),
    );
  });
});
