import { Worker, workerData, type WorkerOptions } from 'node:worker_threads';

import type { Collective } from '../core/collective.js';
import { CollectiveError } from '../core/collective.js';
import { markFailed, sharedWorld, threads, type SharedWorld } from './threads.js';

interface ThreadData {
  readonly world: SharedWorld;
  readonly rank: number;
  readonly data: unknown;
}

/** Runs a module in `worldSize` threads, each of which calls {@link inThread}; resolves once all have ended well. A thread that fails ends the others' waiting. */
export async function startThreads(
  worldSize: number,
  module: URL,
  { data, ...options }: Omit<WorkerOptions, 'workerData'> & { readonly data?: unknown } = {},
): Promise<void> {
  const world = sharedWorld(worldSize);
  const ended = Array.from(
    { length: worldSize },
    (_, rank) =>
      new Promise<void>((resolve, reject) => {
        const fail = (cause?: unknown): void => {
          markFailed(world, rank);
          reject(new CollectiveError(`startThreads: rank ${rank} has failed`, 'died', [rank], { cause }));
        };
        const workerData: ThreadData = { world, rank, data };
        new Worker(module, { ...options, workerData })
          .on('error', fail)
          .on('exit', (code) => (code === 0 ? resolve() : fail(new Error(`exit code ${code}`))));
      }),
  );
  // The first to fail is what went wrong; the others fail because of it.
  const first = Promise.all(ended);
  await Promise.allSettled(ended);
  await first;
}

/** This thread's rank in the world that {@link startThreads} made, and what it was given. */
export function inThread(): { collective: Collective; data: unknown } {
  const { world, rank, data } = workerData as ThreadData;
  return { collective: threads(world, rank), data };
}
