import type * as tf from '@tensorflow/tfjs';
import { defer, finalize, type Observable } from 'rxjs';
import {
  adamw,
  batch,
  binaryAccuracy,
  ema,
  fromArrays,
  seededRandom,
  shuffle,
  sigmoidCrossEntropy,
  train,
  validateEvery,
  type TrainingEvent,
  type TrainOptions,
} from 'gradstream';

/** Points on two spirals that wind around each other, and on which of them each is. */
export function spirals(points: number, seed: number) {
  const random = seededRandom(seed);
  const all = Array.from({ length: points }, (_, i) => {
    const [along, which] = [random.nextFloat(), i % 2];
    const angle = 2.5 * Math.PI * along + which * Math.PI;
    const noise = () => 0.06 * (random.nextFloat() - 0.5);
    return { xs: [along * Math.cos(angle) + noise(), along * Math.sin(angle) + noise()], ys: [which] };
  });
  return fromArrays({ xs: all.map(({ xs }) => xs), ys: all.map(({ ys }) => ys) });
}

/** A run that learns to tell them apart, anew for each subscriber: 600 steps, at least 95 % of the points that it has not seen. */
export function spiralRun(library: typeof tf, options: Partial<TrainOptions> = {}): Observable<TrainingEvent> {
  const [training, held] = [spirals(512, 1), spirals(256, 2)];
  const { dense } = library.layers;
  return defer(() => {
    const kernel = (seed: number) => ({ kernelInitializer: library.initializers.heNormal({ seed }) });
    const model = library.sequential({
      layers: [
        dense({ inputShape: [2], units: 32, activation: 'relu', ...kernel(1) }),
        dense({ units: 32, activation: 'relu', ...kernel(2) }),
        dense({ units: 1, ...kernel(3) }),
      ],
    });
    return train(model, (epoch) => training.pipe(shuffle({ seed: 1, epoch }), batch(16)), {
      ...{ loss: sigmoidCrossEntropy, optimizer: adamw({ learningRate: 0.01 }), accumulate: 4, epochs: 75 },
      ...{ metrics: { accuracy: binaryAccuracy } },
      ...options,
    }).pipe(
      validateEvery(25, held.pipe(batch(256))),
      ema('loss', { alpha: 0.02 }),
      finalize(() => model.dispose()),
    );
  });
}
