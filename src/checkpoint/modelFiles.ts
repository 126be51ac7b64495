import type * as tf from '@tensorflow/tfjs';

import { allVariablesOf, type Model } from '../core/model.js';
import { readSnapshot } from '../core/readSnapshot.js';
import { encodeSafetensors } from './safetensors.js';
import type { Files } from './store.js';

/**
 * A model as files for use elsewhere: without the optimizer's state and whatever else a run needs to go on.
 *
 * - `weights.safetensors`: the weights by the names of their variables, for Python and others.
 * - `model.json`, `weights.bin`: of a `tf.LayersModel`, what `tf.loadLayersModel` reads.
 *
 * Any store keeps them; in a folder of {@link fileStore} they can be served as they are.
 *
 * **Memory**: two copies of the weights, on the host.
 * **Ownership**: the model stays whose it is.
 *
 * @example
 * ```ts
 * await fileStore('exports').save('digits', await modelFiles(model)); // exports/digits/model.json
 * ```
 *
 * @throws {@link CheckpointError} (rejects) for weights that are neither float32 nor int32.
 * @see https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts, `ModelJSON`
 */
export async function modelFiles(model: Model): Promise<Files> {
  const tensors = Object.fromEntries(allVariablesOf(model).map((variable) => [variable.name, variable]));
  const { stages } = await readSnapshot({ model: { tensors } });
  const safe = { 'weights.safetensors': encodeSafetensors(stages['model']!.arrays!) };
  return isLayersModel(model) ? { ...safe, ...(await layersFiles(model)) } : safe;
}

function isLayersModel(model: Model): model is tf.LayersModel {
  return 'toJSON' in model && 'save' in model;
}

async function layersFiles(model: tf.LayersModel): Promise<Files> {
  let artifacts: tf.io.ModelArtifacts = {};
  await model.save({
    save: async (given) => {
      artifacts = given;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  const { weightSpecs: weights = [], weightData = [], ...json } = artifacts;
  const parts = Array.isArray(weightData) ? weightData : [weightData];
  const manifest = { ...json, weightsManifest: [{ paths: ['weights.bin'], weights }] };
  return {
    'model.json': new TextEncoder().encode(JSON.stringify(manifest)),
    'weights.bin': new Uint8Array(await new Blob(parts).arrayBuffer()),
  };
}
