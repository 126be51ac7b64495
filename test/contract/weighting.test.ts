import type * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { lastValueFrom, map, of, pipe, toArray, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { accumulate } from '../../operators/accumulate.js';
import { backward } from '../../operators/backward.js';
import { clipByGlobalNorm } from '../../operators/clipByGlobalNorm.js';
import { ema } from '../../operators/ema.js';
import { forward } from '../../operators/forward.js';
import { mergeReplicas } from '../../operators/mergeReplicas.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { readback } from '../../operators/readback.js';
import { skipNonFinite } from '../../operators/skipNonFinite.js';
import { disposeTensors, type Batch } from '../../src/core/batch.js';
import type { StepEvent, TrainingEvent } from '../../src/core/events.js';
import { fromPull } from '../../src/core/fromPull.js';
import { adamw } from '../../src/optim/adamw.js';
import { sgd } from '../../src/optim/sgd.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, batchOf, line, samples, squaredError, type Line } from '../support/line.js';

const all = <T>(events$: Observable<T>): Promise<T[]> => lastValueFrom(events$.pipe(toArray()));
const stepsOf = (events: TrainingEvent[]) => events.filter((event): event is StepEvent => event.type === 'step');

/** Loss and gradient of a list of batches as one window. */
async function gradientOf(model: Line, batches: Batch[]): Promise<number[]> {
  const read = map((step: { gradients: tf.Tensor }) => {
    const values = [...step.gradients.dataSync()];
    disposeTensors(step);
    return values;
  });
  return lastValueFrom(of(...batches).pipe(forward(model, squaredError), backward(), accumulate(batches.length), read));
}

describe('C3: ema is fed by every micro-batch value, in order', () => {
  it('on a real run: the average over all losses, not over the last of each window', async () => {
    const model = line();
    const events = stepsOf(
      await all(
        train(model, batchesOf([1, 2, 1, 2, 1]), {
          loss: squaredError,
          optimizer: sgd({ learningRate: 0.1 }),
          accumulate: 2,
        }).pipe(ema('loss', { alpha: 0.25 })),
      ),
    );
    model.dispose();
    let average = NaN;
    const expected = events.map(({ microBatches }) => {
      microBatches.forEach(({ loss }) => (average = Number.isNaN(average) ? loss : average + 0.25 * (loss - average)));
      return average;
    });

    expect(events.map((event) => event.microBatches.length)).toStrictEqual([2, 2, 1]);
    expect(events.map((event) => event.ema['loss'])).toStrictEqual(expected);
  });

  it('NaN is reported in the event, and the average does what it was told', async () => {
    const model = line();
    const spoilt = batchesOf([1, 1, 1]);
    (spoilt[1]!.xs as { data: Float32Array }).data[0] = NaN;
    const run = train(model, spoilt, {
      loss: squaredError,
      optimizer: sgd({ learningRate: 0.1 }),
      skipNonFinite: true,
    });
    const events = stepsOf(await all(run.pipe(ema('loss'))));
    model.dispose();

    expect(events.map(({ nonFinite }) => nonFinite)).toStrictEqual([
      undefined,
      { what: 'loss', action: 'skipped', count: 1 },
      undefined,
    ]);
    expect(events[1]!.loss).toBeNaN();
    expect(Number.isFinite(events[2]!.ema['loss'])).toBe(true);
  });
});

describe('C4: gradients and losses are weighted means over the window', () => {
  it('k micro-batches give the gradient of the whole batch to 1e-6, ragged or not (property)', async () => {
    const model = line();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 }), async (sizes) => {
        const whole = await gradientOf(model, batchesOf([sizes.reduce((a, b) => a + b)]));
        const parts = await gradientOf(model, batchesOf(sizes));
        parts.forEach((value, i) => expect(Math.abs(value - whole[i]!)).toBeLessThan(1e-6));
      }),
      { numRuns: 30 },
    );
    model.dispose();
  });

  it('weights per sample and per batch agree with one weighted batch (property)', async () => {
    const model = line();
    const weight = fc.double({ min: 0.125, max: 4, noNaN: true });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(weight, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
        async (windows) => {
          const weights = windows.flat();
          const part = samples(weights.length);
          let at = 0;
          const batches = windows.map((each) => batchOf(part.slice(at, (at += each.length)), each));
          const parts = await gradientOf(model, batches);
          const whole = await gradientOf(model, [batchOf(part, weights)]);
          parts.forEach((value, i) => expect(Math.abs(value - whole[i]!)).toBeLessThan(2e-6));
        },
      ),
      { numRuns: 30 },
    );
    model.dispose();
  });

  it('the step’s loss is the weighted mean of its micro-batches’', async () => {
    const model = line();
    const [event] = stepsOf(
      await all(
        train(model, batchesOf([3, 1]), { loss: squaredError, optimizer: sgd({ learningRate: 0.1 }), accumulate: 2 }),
      ),
    );
    const [a, b] = event!.microBatches;
    model.dispose();

    expect(event!.loss).toBeCloseTo((3 * a!.loss + b!.loss) / 4, 12);
    expect(event!.samples).toBe(4);
  });
});

describe('C6: clipping, decay, schedules and the finite check act once per optimizer step', () => {
  it('k micro-batches with clip, decay and schedule equal one large batch', async () => {
    const options = { loss: squaredError, clipNorm: 0.5, skipNonFinite: true };
    const optimizer = () =>
      adamw({ learningRate: (globalStep) => 0.1 / globalStep, weightDecay: 0.1, decay: () => true });
    const run = async (sizes: number[], k: number) => {
      const model = line();
      const events = stepsOf(
        await all(train(model, batchesOf(sizes), { ...options, optimizer: optimizer(), accumulate: k, epochs: 4 })),
      );
      const read = model.read();
      model.dispose();
      return {
        read,
        norms: events.map(({ gradientNorm }) => gradientNorm!),
        rates: events.map(({ learningRate }) => learningRate),
      };
    };
    const micro = await run([2, 2, 2, 1], 4);
    const large = await run([7], 1);

    expect(micro.rates).toStrictEqual([0.1, 0.05, 0.1 / 3, 0.025]);
    expect(large.rates).toStrictEqual(micro.rates);
    micro.norms.forEach((norm, i) => expect(norm).toBeCloseTo(large.norms[i]!, 5));
    micro.read.forEach((value, i) => expect(value).toBeCloseTo(large.read[i]!, 5));
  });
});

describe('C13: R replicas with micro-batches of b equal one replica with R·b', () => {
  it('in gradients, losses, events and weights, ragged data included', async () => {
    const data = samples(18);
    const pick = (part: typeof data) => batchOf(part);
    const cut = (part: typeof data, size: number) =>
      Array.from({ length: Math.ceil(part.length / size) }, (_, i) => pick(part.slice(i * size, (i + 1) * size)));
    const rest = () =>
      pipe(
        accumulate(2),
        skipNonFinite(),
        clipByGlobalNorm(1),
        optimizerStep(sgd({ learningRate: 0.2, momentum: 0.9 })),
        readback(),
      );

    const one = line();
    const single = await all(fromPull(cut(data, 4)).pipe(forward(one, squaredError), backward(), rest()));
    const two = line();
    // Rank r gets every second pair of samples, so that the i-th micro-batches together hold the same four; the last one is short.
    const shard = (rank: number) =>
      cut(
        data.filter((_, i) => Math.floor(i / 2) % 2 === rank),
        2,
      );
    const replica$ = (rank: number) => fromPull(shard(rank)).pipe(forward(two, squaredError), backward());
    const double = await all(mergeReplicas([replica$(0), replica$(1)]).pipe(rest()));

    expect(double.map((event) => event.worldSize)).toStrictEqual([2, 2, 2]);
    expect(double.map(({ globalStep, samples: count }) => [globalStep, count])).toStrictEqual(
      single.map(({ globalStep, samples: count }) => [globalStep, count]),
    );
    double.forEach((event, i) => {
      expect(event.loss).toBeCloseTo(single[i]!.loss, 6);
      expect(event.gradientNorm).toBeCloseTo(single[i]!.gradientNorm!, 5);
    });
    two.read().forEach((value, i) => expect(value).toBeCloseTo(one.read()[i]!, 5));
    one.dispose();
    two.dispose();
  });
});
