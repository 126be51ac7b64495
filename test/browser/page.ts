import { adam, engine, mse, train, type Batch, type EngineName, type TrainingEvent } from 'gradstream';
import { lastValueFrom, toArray } from 'rxjs';

import type { Report } from './report.js';

/** Trains a small model on one engine of the page; Playwright calls it by its name. */
async function trainOn(name: EngineName | 'auto', steps: number): Promise<Report> {
  const { tf, about, why, liveHandles } = await engine(name);
  const handles = liveHandles ?? (() => tf.backend().numDataIds());
  const before = { tensors: tf.memory().numTensors, handles: handles() };

  const kernel = (seed: number) => ({ kernelInitializer: tf.initializers.glorotUniform({ seed }) });
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 32, activation: 'tanh', inputShape: [2], ...kernel(1) }),
      tf.layers.dense({ units: 1, ...kernel(2) }),
    ],
  });
  const timer = tenMsTimer();
  const startedHidden = document.hidden;
  const run$ = train(model, batches, { loss: mse, optimizer: adam({ learningRate: 0.02 }), accumulate: 2, steps });
  const events: TrainingEvent[] = await lastValueFrom(run$.pipe(toArray()));
  const time = timer.stop();
  model.dispose();

  return {
    about,
    why,
    backend: tf.getBackend(),
    types: events.map(({ type }) => type),
    losses: events.flatMap((event) => (event.type === 'step' ? [event.loss] : [])),
    tensorsLeft: tf.memory().numTensors - before.tensors,
    handlesLeft: handles() - before.handles,
    hidden: [startedHidden, document.hidden],
    ...time,
  };
}

/** Eight micro-batches of eight samples of y = x₀·x₁, made by a formula. */
function batches(): Batch[] {
  return Array.from({ length: 8 }, (_, at) => {
    const xs = Float32Array.from({ length: 16 }, (__, i) => Math.sin(at * 16 + i * 1.7));
    const ys = Float32Array.from({ length: 8 }, (__, i) => xs[2 * i]! * xs[2 * i + 1]!);
    return { xs: { data: xs, shape: [8, 2] }, ys: { data: ys, shape: [8, 1] } };
  });
}

function tenMsTimer() {
  const start = performance.now();
  let [ticks, longestGapMs, last] = [0, 0, start];
  const look = (): void => {
    const now = performance.now();
    longestGapMs = Math.max(longestGapMs, now - last);
    last = now;
  };
  const timer = setInterval(() => {
    ticks += 1;
    look();
  }, 10);
  const stop = () => {
    clearInterval(timer);
    look();
    return { ticks, longestGapMs, ms: last - start };
  };
  return { stop };
}

/** `?hidden=wasm&steps=400`: waits until another tab is in front, then trains and posts what came of it. */
async function trainHidden(name: string, steps: number): Promise<void> {
  while (!document.hidden) await new Promise((resolve) => document.addEventListener('visibilitychange', resolve));
  const report = await trainOn(name as EngineName, steps).catch((error: unknown) => ({ error: String(error) }));
  await fetch('report', { method: 'POST', body: JSON.stringify(report) });
}

Object.assign(globalThis, { trainOn });
const given = new URLSearchParams(location.search);
if (given.has('hidden')) void trainHidden(given.get('hidden')!, Number(given.get('steps')));
