import { writeFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';

import { variablesOf } from '../../src/core/model.js';
import type { BenchModel, BenchNet, HostBatch } from './models.js';

/**
 * Writes a model's initial weights and its batches for peers.py: `<kind>.json` says what is in `<kind>.weights`, `.xs` and `.ys`,
 * which are raw and little-endian. Weights are float32 and in TensorFlow.js's layout, labels int32 class numbers.
 */
export async function exportModel(
  folder: string,
  kind: BenchModel,
  model: BenchNet,
  data: readonly HostBatch[],
): Promise<void> {
  if (endianness() !== 'LE') throw new Error('bench: this machine must be little-endian');
  const variables = variablesOf(model);
  const weights = await Promise.all(variables.map((variable) => variable.data()));
  const write = (name: string, parts: readonly ArrayBufferView[]) =>
    writeFileSync(
      join(folder, `${kind}.${name}`),
      Buffer.concat(parts.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength))),
    );
  write('weights', weights);
  write(
    'xs',
    data.map(({ xs }) => xs),
  );
  write(
    'ys',
    data.map(({ classes }) => classes),
  );
  const { xs, shape } = data[0]!;
  const index = {
    weights: variables.map((variable) => variable.shape),
    xs: { dtype: xs instanceof Int32Array ? 'int32' : 'float32', shape: [data.length, ...shape] },
  };
  writeFileSync(join(folder, `${kind}.json`), JSON.stringify(index));
}
