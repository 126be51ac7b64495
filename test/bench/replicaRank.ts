// One rank of replicas.ts, as a process of mpirun or as a thread; told so, what starts the threads. Rank 0 prints what was measured, as JSON.
import { isMainThread } from 'node:worker_threads';

import { lastValueFrom, pipe, tap } from 'rxjs';

import { allReduce } from '../../operators/allReduce.js';
import type { Collective, Reduces } from '../../src/core/collective.js';
import type { GradientStep } from '../../src/core/values.js';
import { engine } from '../../src/engine/engine.js';
import { adam } from '../../src/optim/adam.js';
import { mpi } from '../../src/replicas/mpi.js';
import { inThread, startThreads } from '../../src/replicas/startThreads.js';
import { train, type TrainOptions } from '../../src/trainer/train.js';
import { lossFor, makeBatches, makeModel, type BenchModel } from './models.js';

/** Steps of a model. */
export interface Work {
  readonly engine: 'node' | 'wasm';
  readonly kind: BenchModel;
  /** Micro-batches of a step. */
  readonly ks: readonly number[];
  /** Micro-batches of a timed run; a third as many come before. */
  readonly microBatches: number;
}

/** What is to be measured: messages of so many floats, or steps. */
export type Job = { readonly floats: readonly number[]; readonly times: number } | (Work & { readonly rounds: number });

/** Milliseconds per micro-batch, by k, of a round. */
export interface Round {
  /** Rank 0, while the other waits. */
  readonly alone: readonly number[];
  /** All at once, each by itself. */
  readonly apart: readonly number[];
  readonly reduced: readonly number[];
  /** The median of what a step of `reduced` passes in the stage: until all have come to it, and from then on. */
  readonly waiting: readonly number[];
  readonly reducing: readonly number[];
}

const [, , given, by] = process.argv;
if (isMainThread && by === 'threads') await startThreads(2, new URL(import.meta.url), { data: given });
else if (isMainThread) await work({ collective: await mpi(), data: given });
else await work(inThread());

async function work({ collective, data }: { readonly collective: Collective; readonly data: unknown }): Promise<void> {
  const job = JSON.parse(data as string) as Job;
  const measured = 'floats' in job ? await messages(job, collective) : await steps(job, collective);
  await collective.close();
  if (collective.rank === 0) process.stdout.write(`${JSON.stringify(measured)}\n`);
}

/** The median milliseconds of an all-reduce, by size. */
async function messages({ floats, times }: Extract<Job, { floats: unknown }>, c: Collective): Promise<number[]> {
  const medians: number[] = [];
  for (const size of floats) {
    const buffer = new Float32Array(size);
    const warmUp = Math.floor(times / 3) + 1;
    const ms: number[] = [];
    for (let i = 0; i < warmUp + times; i++) {
      await c.barrier();
      const start = performance.now();
      await c.allReduceMean([buffer]);
      if (i >= warmUp) ms.push(performance.now() - start);
    }
    medians.push(median(ms));
  }
  return medians;
}

async function steps(job: Work & { readonly rounds: number }, c: Collective): Promise<Round[]> {
  const { tf } = await engine(job.engine);
  const data = makeBatches(job.kind, 32, 32).map(({ xs, shape, ys, labelShape }) => ({
    xs: { data: xs, shape },
    ys: { data: ys, shape: labelShape },
  }));
  function* batches(count: number) {
    for (let i = 0; i < count; i++) yield data[i % data.length]!;
  }
  const clock = stageClock(c);
  const msOf = async (k: number, reduce?: TrainOptions['reduce']): Promise<number> => {
    const model = makeModel(tf, job.kind);
    const [warmUp, timed] = [Math.ceil(job.microBatches / 3 / k), Math.ceil(job.microBatches / k)];
    let [start, end] = [0, 0];
    const options = { loss: lossFor(job.kind), optimizer: adam(), accumulate: k, ...(reduce && { reduce }) };
    await lastValueFrom(
      train(model, batches((warmUp + timed) * k), options).pipe(
        tap(({ type, globalStep }) => {
          if (globalStep === warmUp) {
            start = performance.now();
            clock.reset();
          }
          if (type === 'step') end = performance.now();
        }),
      ),
    );
    model.dispose();
    return (end - start) / (timed * k);
  };
  /** The mean of what all ranks have measured at once. */
  const atOnce = async (measure: () => Promise<number>): Promise<number> => {
    await c.barrier();
    const own = Float32Array.of(await measure()); // as gradients are: V8 makes slower loops of what is given both
    await c.allReduceMean([own]);
    return own[0]!;
  };
  const rounds: Round[] = [];
  for (let round = 0; round <= job.rounds; round++) {
    const measured: Record<keyof Round, number[]> = { alone: [], apart: [], reduced: [], waiting: [], reducing: [] };
    for (const k of job.ks) {
      await c.barrier();
      if (c.rank === 0) measured.alone.push(await msOf(k));
      await c.barrier();
      measured.apart.push(await atOnce(() => msOf(k)));
      measured.reduced.push(await atOnce(() => msOf(k, clock.stage)));
      const { waiting, reducing } = clock.medians();
      measured.waiting.push(await atOnce(() => Promise.resolve(waiting)));
      measured.reducing.push(await atOnce(() => Promise.resolve(reducing)));
    }
    rounds.push(measured);
  }
  return rounds.slice(1); // it has warmed up
}

/** `allReduce` with a watch: ranks meet before they talk, so that waiting can be told from reducing. */
function stageClock(c: Collective) {
  let [began, waited] = [0, 0];
  let [waiting, reducing]: [number[], number[]] = [[], []];
  const met: Reduces = {
    ...c,
    allGather: async (bytes, options) => {
      const start = performance.now();
      await c.barrier();
      waited = performance.now() - start;
      return c.allGather(bytes, options);
    },
  };
  return {
    reset: () => ([waiting, reducing] = [[], []]),
    medians: () => ({ waiting: median(waiting), reducing: median(reducing) }),
    stage: pipe(
      tap<GradientStep>(() => (began = performance.now())),
      allReduce(met),
      tap(() => {
        waiting.push(waited);
        reducing.push(performance.now() - began - waited);
      }),
    ),
  };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
