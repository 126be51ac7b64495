import { CheckpointError } from '../core/errors.js';
import type { Checkpoint } from '../core/snapshot.js';
import { fromFiles } from './files.js';
import { latest, type LatestOptions } from './latest.js';
import type { CheckpointStore } from './store.js';

/** Options of {@link best}. */
export interface BestCheckpointOptions extends LatestOptions {
  /** By which metric; it needs to be said only if the run has kept the best by several. */
  readonly metric?: string;
}

/** What `checkpointEvery` calls the stage that remembers the best. */
const STAGE = 'checkpointEvery/';

/**
 * The checkpoint that was best by the metric that `checkpointEvery(…, { best })` was told, undefined if the store is empty: what to evaluate and to ship.
 *
 * The newest checkpoint remembers which that is.
 *
 * @example
 * ```ts
 * const checkpoint = await best(memoryStore(), { metric: 'validation.loss' });
 * console.log(checkpoint?.globalStep);
 * ```
 *
 * @throws {@link CheckpointError} (rejects) if none was kept, by several metrics and none is named, or it is gone or broken.
 */
export async function best(
  store: CheckpointStore,
  { metric, orPrevious = false }: BestCheckpointOptions = {},
): Promise<Checkpoint | undefined> {
  const newest = await latest(store, { orPrevious });
  if (!newest) return undefined;
  const kept = Object.entries(newest.stages).flatMap(([stage, { data }]) =>
    stage.startsWith(STAGE) && typeof data === 'object' && data !== null && 'globalStep' in data
      ? [{ metric: stage.slice(STAGE.length), globalStep: data.globalStep }]
      : [],
  );
  const wanted = metric === undefined ? kept : kept.filter((each) => each.metric === metric);
  if (wanted.length !== 1)
    throw new CheckpointError(
      `best: a run must have kept its best by ${metric ?? 'one metric'} (checkpointEvery's best), this one has by ${kept.map((each) => each.metric).join(', ') || 'none'}`,
    );
  const { globalStep } = wanted[0]!;
  const names = await store.list();
  const name = names.find((each) => Number(each.split('-')[0]) === globalStep);
  if (name !== undefined) return fromFiles(await store.load(name));
  throw new CheckpointError(
    `best: the store must hold the checkpoint of global step ${String(globalStep)}, it has ${names.join(', ')}`,
  );
}
