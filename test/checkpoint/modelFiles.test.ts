import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it, onTestFinished } from 'vitest';

import { fileStore } from '../../src/checkpoint/fileStore.js';
import { modelFiles } from '../../src/checkpoint/modelFiles.js';
import { decodeSafetensors } from '../../src/checkpoint/safetensors.js';
import { CheckpointError } from '../../src/core/errors.js';
import { line } from '../support/line.js';

/** A model with weights that are trained and such that are not, shared ones, and two inputs. */
function model(): tf.LayersModel {
  const [a, b] = [tf.input({ shape: [3] }), tf.input({ shape: [3] })];
  const shared = tf.layers.dense({ units: 4, activation: 'tanh', kernelInitializer: tf.initializers.glorotUniform({ seed: 1 }) }); // prettier-ignore
  const joined = tf.layers.concatenate().apply([a, b].map((input) => shared.apply(input) as tf.SymbolicTensor));
  const normal = tf.layers.batchNormalization({ movingMeanInitializer: 'ones' }).apply(joined);
  const out = tf.layers
    .dense({ units: 1, kernelInitializer: tf.initializers.glorotUniform({ seed: 2 }) })
    .apply(normal);
  return tf.model({ inputs: [a, b], outputs: out as tf.SymbolicTensor });
}

function predictionsOf(net: tf.LayersModel): Float32Array {
  return tf.tidy(() => {
    const inputs = [1, 2].map((n) =>
      tf.tensor2d(
        Float32Array.from({ length: 15 }, (_, i) => Math.sin(i * n)),
        [5, 3],
      ),
    );
    return (net.predict(inputs) as tf.Tensor).dataSync<'float32'>();
  });
}

const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'gradstream-export-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
};

describe('modelFiles', () => {
  it('are what tf.loadLayersModel reads from a web server: the same predictions', async () => {
    const [net, place] = [model(), folder()];
    await fileStore(place).save('net', await modelFiles(net));
    const server = createServer((request, response) => response.end(readFileSync(join(place, request.url!))));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => (server.close(), server.closeAllConnections()));

    const loaded = await tf.loadLayersModel(`http://127.0.0.1:${(server.address() as AddressInfo).port}/net/model.json`); // prettier-ignore
    expect(predictionsOf(loaded)).toStrictEqual(predictionsOf(net));
    expect(predictionsOf(loaded).some((value) => value !== 0)).toBe(true);
    tf.dispose([net, loaded].map((each) => each.weights.map((weight) => weight.read())));
  });

  it("have the weights by their variables' names", async () => {
    const net = model();
    const weights = decodeSafetensors((await modelFiles(net))['weights.safetensors']!);
    const own = net.weights.map((weight) => weight.read() as tf.Variable);
    expect(weights).toStrictEqual(
      Object.fromEntries(own.map((variable) => [variable.name, { data: variable.dataSync(), shape: variable.shape }])),
    );
    expect(Object.keys(weights)).toHaveLength(8);
    tf.dispose(own);
  });

  it('are the weights alone of a model of your own', async () => {
    const own = line([1, 2], 3);
    const files = await modelFiles(own);
    expect(Object.keys(files)).toStrictEqual(['weights.safetensors']);
    expect(decodeSafetensors(files['weights.safetensors']!)).toStrictEqual({
      [own.w.name]: { data: Float32Array.of(1, 2), shape: [2, 1] },
      [own.b.name]: { data: Float32Array.of(3), shape: [1] },
    });
    own.dispose();
  });

  it('refuses weights of which safetensors has no numbers', async () => {
    const flag = tf.tidy(() => tf.variable(tf.tensor(['a'])));
    await expect(modelFiles({ variables: [flag], apply: () => flag })).rejects.toThrow(CheckpointError);
    flag.dispose();
  });

  const python = spawnSync('python3', ['-c', 'import safetensors.numpy']).status === 0;
  it.skipIf(!python && process.env['CI'] !== 'true')("are what Python's safetensors reads", async () => {
    const [own, place] = [line([1, 2], 3), folder()];
    await fileStore(place).save('line', await modelFiles(own));
    const script = `
import json, sys
from safetensors.numpy import load_file
print(json.dumps({k: v.tolist() for k, v in load_file(sys.argv[1]).items()}))`;
    const { stdout, stderr } = spawnSync('python3', ['-c', script, join(place, 'line/weights.safetensors')], { encoding: 'utf8' }); // prettier-ignore
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toStrictEqual({ [own.w.name]: [[1], [2]], [own.b.name]: [3] });
    own.dispose();
  });
});
