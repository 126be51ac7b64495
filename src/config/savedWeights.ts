import { fromFiles } from '../checkpoint/files.js';
import { latest } from '../checkpoint/latest.js';

import { assignArrays } from '../core/arrays.js';
import { CheckpointError } from '../core/errors.js';
import type { Model } from '../core/model.js';
import type { Checkpoint } from '../core/snapshot.js';
import type { RunFolder } from './runFolder.js';

/**
 * Gives a model the weights that a run has saved.
 *
 * @param which - 'newest', 'best', or a checkpoint's name.
 * @returns the checkpoint's global step.
 * @throws {@link CheckpointError} (rejects), if there is no such checkpoint, or it is another model's.
 */
export async function loadSaved(model: Model, { path, store }: RunFolder, which: string): Promise<number> {
  const newest = await latest(store, { orPrevious: true });
  if (!newest)
    throw new CheckpointError(`${path} must hold a checkpoint, it has none: \`gradstream train\` makes them`);
  const checkpoint = which === 'newest' ? newest : await named(newest, which);
  assignArrays(model, checkpoint.stages['model']?.arrays ?? {});
  return checkpoint.globalStep;

  async function named(newest: Checkpoint, which: string): Promise<Checkpoint> {
    const names = await store.list();
    const name =
      which === 'best' ? names.find((each) => Number(each.split('-')[0]) === bestStepIn(newest, path)) : which;
    if (name !== undefined && names.includes(name)) return fromFiles(await store.load(name));
    throw new CheckpointError(`${path} must hold the checkpoint '${which}', it has ${names.join(', ')}`);
  }
}

/** After which step the best weights were saved, as `checkpointEvery` with `best` has kept it. */
function bestStepIn({ stages }: Checkpoint, path: string): number {
  for (const [stage, { data }] of Object.entries(stages))
    if (stage.startsWith('checkpointEvery/') && typeof data === 'object' && data !== null && 'globalStep' in data)
      return data.globalStep as number;
  throw new CheckpointError(`${path}: the run must have kept its best; config: checkpoint.best`);
}
