// What checkpoints cost: the mlp's steps with one due after every step, in files on the local disk, against the same steps without.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identity, lastValueFrom, tap, type OperatorFunction } from 'rxjs';

import { readback } from '../../operators/readback.js';
import { trainStep } from '../../operators/trainStep.js';
import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { fileStore } from '../../src/checkpoint/fileStore.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { fromPull } from '../../src/core/fromPull.js';
import { variablesOf } from '../../src/core/model.js';
import type { StepResult } from '../../src/core/values.js';
import type { Engine } from '../../src/engine/engine.js';
import { adam } from '../../src/optim/adam.js';
import { K } from './contenders.js';
import { lossFor, makeBatches, makeModel } from './models.js';

type Stage = OperatorFunction<StepResult, StepResult | TrainingEvent>;

interface Timed {
  readonly msPerStep: number;
  /** The most bytes of tensors between two batches. */
  readonly peakBytes: number;
  readonly made: number;
}

const WARM_UP = 3;
/** Optimizer steps of a round: a few seconds, in which there are some checkpoints. */
const STEPS: Readonly<Record<string, number>> = { node: 200, wasm: 60 };
const KIND = 'mlp';

/** Rounds take turns; a ratio is the median of the rounds' ratios. */
export async function checkpointCost({ name, tf }: Engine, rounds: number): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'gradstream-bench-'));
  const steps = STEPS[name] ?? 20;
  const data = makeBatches(KIND, 32, 32).map(({ xs, shape, ys, labelShape }) => ({
    xs: { data: xs, shape },
    ys: { data: ys, shape: labelShape },
  }));
  function* batches() {
    for (let i = 0; i < (WARM_UP + steps) * K; i++) yield data[i % data.length]!;
  }
  let bytes = 0;
  const run = async (stage: Stage): Promise<Timed> => {
    const model = makeModel(tf, KIND);
    bytes = 3 * 4 * variablesOf(model).reduce((sum, { size }) => sum + size, 0);
    let [start, end, peakBytes, made] = [0, 0, 0, 0];
    await lastValueFrom(
      fromPull(batches()).pipe(
        tap(() => (peakBytes = Math.max(peakBytes, tf.memory().numBytes))),
        trainStep(model, { loss: lossFor(KIND), optimizer: adam(), accumulate: K }),
        stage,
        tap((value) => {
          if (!('type' in value) && value.globalStep === WARM_UP) start = performance.now();
          if (!('type' in value)) end = performance.now();
          if ('type' in value && value.type === 'checkpoint') made += 1;
        }),
        readback(50),
      ),
    );
    model.dispose();
    return { msPerStep: (end - start) / steps, peakBytes, made };
  };
  const saving = checkpointEvery<StepResult>(1, fileStore(join(folder, 'run')), { keep: 2 });
  const pairs: { readonly plain: Timed; readonly saved: Timed }[] = [];
  try {
    for (let round = 0; round <= rounds; round++) pairs.push({ plain: await run(identity), saved: await run(saving) });
  } finally {
    rmSync(folder, { recursive: true });
  }
  pairs.shift(); // it has warmed up
  const typical = (value: (pair: (typeof pairs)[number]) => number): number =>
    Number(median(pairs.map(value)).toPrecision(4));
  const measured = {
    [`${KIND} on ${name}, ms a step`]: typical(({ plain }) => plain.msPerStep),
    'the same with a checkpoint due after each, ×': typical(({ plain, saved }) => saved.msPerStep / plain.msPerStep),
    'steps to a checkpoint': typical(({ saved }) => (WARM_UP + steps) / saved.made),
    'more bytes of tensors at peak, × weights and slots': typical(
      ({ plain, saved }) => (saved.peakBytes - plain.peakBytes) / bytes,
    ),
  };
  console.table(measured);
  return measured;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
