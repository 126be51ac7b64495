import { best } from '../checkpoint/best.js';
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
  const names = await store.list();
  if (names.length === 0)
    throw new CheckpointError(`${path} must hold a checkpoint, it has none: \`gradstream train\` makes them`);
  const checkpoint = await saved();
  if (!checkpoint) throw new CheckpointError(`${path} must hold the checkpoint '${which}', it has ${names.join(', ')}`);
  assignArrays(model, checkpoint.stages['model']?.arrays ?? {});
  return checkpoint.globalStep;

  async function saved(): Promise<Checkpoint | undefined> {
    if (which === 'newest') return latest(store, { orPrevious: true });
    if (which === 'best') return best(store, { orPrevious: true });
    return names.includes(which) ? fromFiles(await store.load(which)) : undefined;
  }
}
