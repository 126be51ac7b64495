import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';

import { EVERY, trainReplica, WAYS, type Way } from '../../examples/lessTalkWays.js';
import { fromArrays } from '../../src/data/fromArrays.js';
import { sharedWorld, threads } from '../../src/replicas/threads.js';

/** Pictures of ten kinds, each with a bright row of its own. */
function pictures(count: number) {
  const kinds = Array.from({ length: count }, (_, i) => i % 10);
  const data = Float32Array.from(kinds.flatMap((kind) => Array.from({ length: 784 }, (_, i) => +(Math.floor(i / 28) === 4 + 2 * kind)))); // prettier-ignore
  return fromArrays({ xs: { data, shape: [count, 784] }, ys: Int32Array.from(kinds) });
}

const steps = 2 * EVERY;
const size = 7850;

async function run(way: Way) {
  const world = sharedWorld(2);
  const plan = { training: pictures(80), held: pictures(20), microBatch: 8, steps };
  return Promise.all(
    [0, 1].map(async (rank) => {
      const kernelInitializer = tf.initializers.glorotUniform({ seed: 1 + rank });
      const model = tf.sequential({ layers: [tf.layers.dense({ inputShape: [784], units: 10, kernelInitializer })] });
      const trained = await trainReplica(threads(world, rank), model, way, plan);
      const weights = [...model.getWeights()[0]!.dataSync()];
      model.dispose();
      return { ...trained, weights };
    }),
  );
}

it('two replicas learn in each way, end as one, and send what they say', { timeout: 60_000 }, async () => {
  const sent = new Map<Way, number>();
  for (const way of WAYS) {
    const [first, second] = await run(way);
    const events = first!.events;
    expect(events.filter(({ type }) => type === 'step').map(({ globalStep }) => globalStep)).toStrictEqual(Array.from({ length: steps }, (_, i) => i + 1)); // prettier-ignore
    const validations = events.filter((event) => event.type === 'validation');
    expect(validations.map(({ globalStep }) => globalStep)).toStrictEqual([EVERY, 2 * EVERY]);
    expect(validations[1]!.loss).toBeLessThan(0.8 * Math.log(10));
    expect(second!.weights).toStrictEqual(first!.weights);
    sent.set(way, first!.sent);
  }
  const [every, local, half] = WAYS.map((way) => sent.get(way)!) as [number, number, number];
  expect(every / (steps * 4 * size)).toBeCloseTo(1, 1);
  expect(local / every).toBeLessThan(0.2);
  expect(half / every).toBeCloseTo(0.5, 1);
});
