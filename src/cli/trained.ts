import { resolve } from 'node:path';

import { Option, type Command } from 'commander';

import { batchesOf, isFile } from '../config/batchesOf.js';
import { buildModel } from '../config/buildModel.js';
import { ConfigError } from '../config/configError.js';
import { runFolder } from '../config/runFolder.js';
import { loadSaved } from '../config/savedWeights.js';
import type { Batch } from '../core/batch.js';
import type { Model } from '../core/model.js';
import type { EpochSource } from '../core/source.js';
import { engine } from '../engine/engine.js';
import { configured, withConfig, type ConfigFlags, type Configured } from './configOptions.js';

type DataName = 'train' | 'validation' | 'test';

/** What commands that use a trained model can be told. */
export interface TrainedFlags extends ConfigFlags {
  readonly data: DataName;
  readonly file?: string;
  readonly checkpoint: string;
}

/** A trained model and what it is to be used on. */
export interface Trained extends Pick<Configured, 'plan' | 'runPath'> {
  readonly model: Model;
  readonly globalStep: number;
  readonly batches: EpochSource<Batch>;
}

/** Adds the config and the options of {@link TrainedFlags}. */
export function withTrained(command: Command): Command {
  return withConfig(command)
    .addOption(
      new Option('--data <name>', 'which data of the config')
        .choices(['train', 'validation', 'test'])
        .default('validation'),
    )
    .option('--file <path>', 'another file, read as the data of the config is')
    .option('--checkpoint <name>', 'newest, best, or the name of one', 'newest');
}

/** Opens the engine, builds the model, gives it the weights that were saved, and does something with it. */
export async function withTrainedModel(
  path: string | undefined,
  flags: TrainedFlags,
  use: (trained: Trained) => Promise<void>,
): Promise<void> {
  const { plan, folder, runPath } = await configured(path, flags);
  const batches = dataOf(plan.data, flags, folder);
  const { tf, close } = await engine(plan.engine);
  try {
    const model = await buildModel(plan.model, tf, folder);
    const globalStep = await loadSaved(model, runFolder(runPath), flags.checkpoint);
    await use({ plan, runPath, model, globalStep, batches });
  } finally {
    close?.();
  }
}

function dataOf(
  data: Configured['plan']['data'],
  { data: name, file }: TrainedFlags,
  folder: string,
): EpochSource<Batch> {
  const chosen = data[name];
  if (chosen === undefined)
    throw new ConfigError(`--data ${name}: the config has no such data, it has ${Object.keys(data).join(', ')}`);
  if (file === undefined) return batchesOf(isFile(chosen) ? unshuffled(chosen) : chosen, folder);
  if (!isFile(chosen)) throw new ConfigError(`--file: data.${name} of the config must be a file, too, and it is code`);
  return batchesOf({ ...unshuffled(chosen), file: resolve(file) }, folder);
}

function unshuffled<T extends { readonly shuffle?: number }>({ shuffle: _, ...rest }: T): Omit<T, 'shuffle'> {
  return rest;
}
