import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import * as tf from '@tensorflow/tfjs';

import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/checkpoint/safetensors.js';
import { mse } from '../../src/losses/mse.js';
import { adam } from '../../src/optim/adam.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf } from '../support/line.js';

/** The first Python that has safetensors and another package; Debian's own has PyTorch where the default one may not. */
function pythonWith(name: string): string | undefined {
  const script = `import importlib.util as u, sys; sys.exit(not (u.find_spec('safetensors') and u.find_spec('${name}')))`;
  return ['python3', '/usr/bin/python3'].find((python) => spawnSync(python, ['-c', script]).status === 0);
}

/** Starting Python takes as long as it takes on a busy machine. */
const PATIENTLY = 120_000;

/** Where nothing is installed, that is a skip for a user and a failure in CI. */
const absent = (python: string | undefined): boolean => !python && !process.env['CI'];

const folder = mkdtempSync(join(tmpdir(), 'gradstream-python-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);

/** What a script prints, as JSON; its arguments are files. */
function run(python: string | undefined, script: string, ...files: string[]): unknown {
  const { stdout, stderr, error } = spawnSync(python ?? 'python3', ['-c', script, ...files], { encoding: 'utf8' });
  if (error) throw error;
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

const numpy = pythonWith('numpy');
describe.skipIf(absent(numpy))("Python's safetensors (pip install safetensors numpy)", () => {
  it(
    'reads what is written here, and writes what is read here',
    () => {
      const arrays = {
        'dense/kernel': { data: Float32Array.of(1.5, -2, 3, 4, 5, 6), shape: [2, 3] },
        count: { data: Int32Array.of(7), shape: [] },
        flags: { data: Uint8Array.of(1, 0, 255), shape: [3] },
        none: { data: new Float32Array(), shape: [0, 4] },
        'ö "\\/': { data: Float32Array.of(NaN), shape: [1, 1] },
      };
      writeFileSync(file('a'), encodeSafetensors(arrays));
      const script = `
import json, sys
from safetensors.numpy import load_file, save
a = load_file(sys.argv[1])
print(json.dumps({k: [str(v.dtype), list(v.shape), v.flatten().tolist()] for k, v in a.items()}).replace('NaN', '"NaN"'))
open(sys.argv[1], 'wb').write(save(a, metadata={'format': 'np'}))`;
      expect(run(numpy, script, file('a'))).toStrictEqual({
        'dense/kernel': ['float32', [2, 3], [1.5, -2, 3, 4, 5, 6]],
        count: ['int32', [], [7]],
        flags: ['uint8', [3], [1, 0, 255]],
        none: ['float32', [0, 4], []],
        'ö "\\/': ['float32', [1, 1], ['NaN']],
      });
      expect(decodeSafetensors(readFileSync(file('a')))).toStrictEqual(arrays);
    },
    PATIENTLY,
  );

  it(
    'writes halves that are read exactly, all 65 536 of them',
    () => {
      const script = `
import sys, numpy as np
from safetensors.numpy import save_file
half = np.arange(65536, dtype=np.uint16).view(np.float16)
save_file({'half': half, 'wide': half.astype(np.float32)}, sys.argv[1])
print('true')`;
      run(numpy, script, file('halves'));
      const { half, wide } = decodeSafetensors(readFileSync(file('halves')));
      expect(half).toStrictEqual(wide);
    },
    PATIENTLY,
  );
});

const torch = pythonWith('torch');
describe.skipIf(absent(torch))('PyTorch (apt-get install python3-torch, or pip install torch)', () => {
  it(
    'loads the weights and goes on where the optimizer stopped',
    async () => {
      const layer = tf.layers.dense({ units: 1, inputShape: [2], name: 'line', kernelInitializer: tf.initializers.glorotUniform({ seed: 1 }) }); // prettier-ignore
      const model = tf.sequential({ layers: [layer] });
      const store = memoryStore();
      const batches = batchesOf([4, 4, 4]);
      const run$ = train(model, batches, { loss: mse, optimizer: adam({ learningRate: 0.1 }) }).pipe(
        checkpointEvery(2, store),
      );
      await new Promise<void>((resolve, reject) => run$.subscribe({ complete: resolve, error: reject }));
      const files = await store.load((await store.list())[0]!);
      for (const name of ['model.safetensors', 'state.safetensors']) writeFileSync(file(name), files[name]!);
      const { xs, ys } = batches[2] as unknown as Record<'xs' | 'ys', { data: Float32Array }>;
      const script = `
import json, sys, torch
from safetensors.torch import load_file
weights, state = load_file(sys.argv[1]), load_file(sys.argv[2])
linear = torch.nn.Linear(2, 1)
linear.load_state_dict({'weight': weights['line/kernel'].T.contiguous(), 'bias': weights['line/bias']})
adam = torch.optim.Adam(linear.parameters(), lr=0.1)
slots = lambda name: state['optimizerStep:' + name]
moments = lambda name, turn: {'step': torch.tensor(2.), 'exp_avg': turn(slots('first/line/' + name)), 'exp_avg_sq': turn(slots('second/line/' + name))}
saved = adam.state_dict()
saved['state'] = {0: moments('kernel', lambda k: k.T.contiguous()), 1: moments('bias', lambda b: b)}
adam.load_state_dict(saved)
xs, ys = torch.tensor(json.loads(sys.argv[3])).reshape(-1, 2), torch.tensor(json.loads(sys.argv[4])).reshape(-1, 1)
torch.nn.functional.mse_loss(linear(xs), ys).backward()
adam.step()
print(json.dumps(linear.weight.flatten().tolist() + linear.bias.tolist()))`;
      const after = run(torch, script, file('model.safetensors'), file('state.safetensors'), JSON.stringify([...xs.data]), JSON.stringify([...ys.data])); // prettier-ignore
      const here = model.getWeights().flatMap((weight) => [...weight.dataSync()]);
      (after as number[]).forEach((weight, i) => expect(weight).toBeCloseTo(here[i]!, 5));
      expect(after).toHaveLength(3);
      model.dispose();
    },
    PATIENTLY,
  );

  it(
    'writes what is read here: a state_dict in bfloat16, half and bool',
    () => {
      const script = `
import sys, torch
from safetensors.torch import save_file
torch.manual_seed(0)
linear = torch.nn.Linear(3, 2)
state = {k: v.detach() for k, v in linear.state_dict().items()}
save_file({**state, 'b': state['weight'].bfloat16(), 'h': state['weight'].half(), 'flags': torch.tensor([True, False]),
  'wideB': state['weight'].bfloat16().float(), 'wideH': state['weight'].half().float()}, sys.argv[1])
print('true')`;
      run(torch, script, file('linear'));
      const { b, h, wideB, wideH, flags, weight, bias } = decodeSafetensors(readFileSync(file('linear')));
      expect([b, h]).toStrictEqual([wideB, wideH]);
      expect(flags).toStrictEqual({ data: Uint8Array.of(1, 0), shape: [2] });
      expect([weight!.shape, bias!.shape]).toStrictEqual([[2, 3], [2]]);
    },
    PATIENTLY,
  );
});
