import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import type * as tf from '@tensorflow/tfjs';

import { messageOf } from '../core/errors.js';
import type { Model } from '../core/model.js';
import { ConfigError } from './configError.js';
import type { RunConfig } from './runConfig.js';

/** The model that a config describes. */
export async function buildModel(model: RunConfig['model'], library: typeof tf, folder: string): Promise<Model> {
  if (typeof model === 'function') return model(library);
  const path = resolve(folder, model);
  try {
    return await library.loadLayersModel(library.io.fromMemory(await artifactsIn(path)));
  } catch (cause) {
    throw new ConfigError(`model: ${model} must be the model.json of a tf.LayersModel: ${messageOf(cause)}`, { cause });
  }
}

/** What `model.json` holds and the files beside it; without weights, the layers' initializers make them. */
async function artifactsIn(path: string): Promise<tf.io.ModelArtifacts> {
  const json = JSON.parse(await readFile(path, 'utf8')) as Partial<tf.io.ModelJSON>;
  const { modelTopology = json as object, weightsManifest = [] } = json;
  const files = weightsManifest.flatMap(({ paths }) => paths.map((file) => readFile(resolve(dirname(path), file))));
  if (files.length === 0) return { modelTopology };
  const weightData = new Uint8Array(Buffer.concat(await Promise.all(files))).buffer;
  return { modelTopology, weightSpecs: weightsManifest.flatMap(({ weights }) => weights), weightData };
}
