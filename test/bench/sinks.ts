// What looking on costs: the mlp's steps, each read and given to five sinks, against the same steps read and given to none.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { identity, lastValueFrom, type MonoTypeOperatorFunction, pipe } from 'rxjs';

import { ema } from '../../operators/ema.js';
import { logEvery } from '../../operators/logEvery.js';
import { tee } from '../../operators/tee.js';
import { throughput } from '../../operators/throughput.js';
import type { TrainingEvent } from '../../src/core/events.js';
import type { Engine } from '../../src/engine/engine.js';
import { adam } from '../../src/optim/adam.js';
import { csvFile } from '../../src/sinks/csvFile.js';
import { jsonlFile } from '../../src/sinks/jsonlFile.js';
import { progressBar } from '../../src/sinks/progressBar.js';
import { prometheus } from '../../src/sinks/prometheus.js';
import { tensorBoard } from '../../src/sinks/tensorBoard.js';
import { train } from '../../src/trainer/train.js';
import { K } from './contenders.js';
import { lossFor, makeBatches, makeModel } from './models.js';

/** Milliseconds a step: on the clock, and of the processor, which other work on the machine disturbs less. */
interface Timed {
  readonly clock: number;
  readonly processor: number;
}

const WARM_UP = 5;
/** Optimizer steps of a run: about two seconds. */
const STEPS: Readonly<Record<string, number>> = { node: 200, wasm: 60 };
const KIND = 'mlp';

/** Rounds take turns; a ratio is the median of the rounds' ratios. */
export async function sinksCost({ name, tf }: Engine, rounds: number): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'gradstream-bench-'));
  const steps = STEPS[name] ?? 20;
  const data = makeBatches(KIND, 32, 32).map(({ xs, shape, ys, labelShape }) => ({
    xs: { data: xs, shape },
    ys: { data: ys, shape: labelShape },
  }));
  let runs = 0;
  const five = (): MonoTypeOperatorFunction<TrainingEvent> => {
    const at = (file: string): string => join(folder, String(++runs), file);
    return pipe(
      tee<TrainingEvent>(progressBar({ steps: WARM_UP + steps, stream: nowhere() })),
      tee<TrainingEvent>(csvFile(at('steps.csv'))),
      tee<TrainingEvent>(jsonlFile(at('events.jsonl'))),
      tee<TrainingEvent>(tensorBoard(at('board'))),
      tee<TrainingEvent>(prometheus()),
    );
  };
  const msPerStep = async (sinks: MonoTypeOperatorFunction<TrainingEvent>): Promise<Timed> => {
    const model = makeModel(tf, KIND);
    let [start, end] = [now(), now()];
    const options = { loss: lossFor(KIND), optimizer: adam(), accumulate: K, steps: WARM_UP + steps, epochs: steps };
    await lastValueFrom(
      train(model, () => data, options).pipe(
        ema('loss'),
        throughput(),
        logEvery(1),
        sinks,
        // Told after the sinks, and the last step's before the end that closes them.
        tee((event) => {
          if (event.globalStep === WARM_UP) start = now();
          if (event.type === 'step') end = now();
        }),
      ),
    );
    model.dispose();
    return { clock: (end.clock - start.clock) / steps, processor: (end.processor - start.processor) / steps };
  };
  const pairs: { readonly none: Timed; readonly five: Timed }[] = [];
  try {
    for (let round = 0; round <= rounds; round++) {
      // Whoever comes first in one round comes second in the next.
      const none = round % 2 ? await msPerStep(identity) : undefined;
      const withFive = await msPerStep(five());
      pairs.push({ none: none ?? (await msPerStep(identity)), five: withFive });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  pairs.shift(); // it has warmed up
  const of = (value: (pair: (typeof pairs)[number]) => number): string => spread(pairs.map(value));
  const measured = {
    [`${KIND} on ${name}, ms a step, no sink`]: of(({ none }) => none.clock),
    'with five sinks at logEvery(1)': of(({ five }) => five.clock),
    'five over none, ×': of(({ none, five }) => five.clock / none.clock),
    'the same in time of the processor, ×': of(({ none, five }) => five.processor / none.processor),
  };
  console.table(measured);
  return measured;
}

function now(): Timed {
  const { user, system } = process.cpuUsage();
  return { clock: performance.now(), processor: (user + system) / 1e3 };
}

/** A terminal that nobody sees. */
function nowhere(): NodeJS.WriteStream {
  const stream = new Writable({ write: (_chunk, _encoding, done) => done() });
  return Object.assign(stream, { isTTY: true, columns: 100, rows: 30 }) as unknown as NodeJS.WriteStream;
}

/** Median (least–most). */
function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const shown = [sorted[Math.floor(sorted.length / 2)]!, sorted[0]!, sorted.at(-1)!].map((value) =>
    value.toPrecision(4),
  );
  return `${shown[0]} (${shown[1]}–${shown[2]})`;
}
