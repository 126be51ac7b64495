import { Worker, workerData, type WorkerOptions } from 'node:worker_threads';

import type { Collective } from '../core/collective.js';
import { CollectiveError } from '../core/collective.js';
import { messageOf } from '../core/errors.js';
import { markFailed, sharedWorld, threads, type SharedWorld } from './threads.js';

interface ThreadData {
  readonly world: SharedWorld;
  readonly rank: number;
  readonly data: unknown;
}

/**
 * Runs a module in `worldSize` threads, each of which calls {@link inThread}; resolves once all have ended well.
 *
 * One machine without MPI trains on all its cores this way.
 *
 * A thread that fails ends the others: nobody is left waiting. One that ends without `close` is missed by those who still wait for it.
 *
 * @example
 * ```ts
 * await startThreads(4, new URL('./replica.js', import.meta.url), { data: { learningRate: 1e-3 } });
 * ```
 *
 * @param module - Loaded by each thread; what Node runs, or what `execArgv` makes it run.
 * @throws {@link ArgumentError} (rejects), if `worldSize` is no positive integer; {@link CollectiveError}, naming the rank that failed first, or those that
 * it has missed.
 */
export async function startThreads(
  worldSize: number,
  module: URL,
  { data, ...options }: Omit<WorkerOptions, 'workerData'> & { readonly data?: unknown } = {},
): Promise<void> {
  const world = sharedWorld(worldSize);
  const workers: Worker[] = [];
  let first: CollectiveError | undefined;
  const fail = (rank: number, cause: unknown): void => {
    if (first) return; // the others fail because of it
    first = failureOf(rank, cause);
    for (const worker of workers) void worker.terminate();
  };
  const start = (rank: number): Promise<void> =>
    new Promise((resolve) => {
      const workerData: ThreadData = { world, rank, data };
      const worker = new Worker(module, { ...options, workerData });
      workers.push(worker);
      worker.on('error', (cause) => fail(rank, cause));
      worker.on('exit', (code) => {
        markFailed(world, rank); // whoever has closed is waited for by nobody
        if (code !== 0) fail(rank, new Error(`exit code ${code}`));
        resolve();
      });
    });
  await Promise.all(Array.from({ length: worldSize }, (_, rank) => start(rank)));
  if (first) throw first;
}

/**
 * This thread's rank in the world that {@link startThreads} made, and what it was given.
 *
 * @example
 * ```ts
 * const { collective, data } = inThread();
 * ```
 */
export function inThread(): { collective: Collective; data: unknown } {
  const { world, rank, data } = workerData as ThreadData;
  return { collective: threads(world, rank), data };
}

/** An error from a thread has lost its class on the way, and kept what it says. */
function failureOf(rank: number, cause: unknown): CollectiveError {
  const missed = (cause as Partial<CollectiveError> | null)?.ranks;
  const ranks = Array.isArray(missed) ? (missed as number[]) : [rank];
  return new CollectiveError(`startThreads: rank ${rank} has failed: ${messageOf(cause)}`, 'died', ranks, { cause });
}
