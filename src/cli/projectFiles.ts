/** The ranges of versions that a new project asks for. */
export interface ProjectVersions {
  readonly gradstream: string;
  readonly tfjs: string;
  readonly rxjs: string;
}

/** A small project that trains: what `gradstream init` writes, by path. */
export function projectFiles(
  name: string,
  { gradstream, tfjs, rxjs }: ProjectVersions,
): Readonly<Record<string, string>> {
  const manifest = {
    name,
    private: true,
    type: 'module',
    scripts: {
      train: 'gradstream train',
      evaluate: 'gradstream evaluate --checkpoint best',
      test: 'tsc && node --import tsx --test test/*.test.ts',
    },
    dependencies: { '@tensorflow/tfjs': tfjs, gradstream, rxjs },
    devDependencies: { '@types/node': '^20.19.0', tsx: '^4.20.0', typescript: '~5.9.3' },
    engines: { node: '>=20.3' },
  };
  return {
    'package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'tsconfig.json': TSCONFIG,
    '.gitignore': 'node_modules/\nruns/\n',
    'README.md': README,
    'gradstream.config.ts': CONFIG,
    'src/spirals.ts': DATA,
    'src/model.ts': MODEL,
    'test/training.test.ts': TEST,
  };
}

const TSCONFIG = `{
  "compilerOptions": {
    "target": "ES2022",
    "module": "NodeNext",
    "strict": true,
    "noEmit": true,
    "skipLibCheck": true,
    "types": ["node"]
  },
  "include": ["*.ts", "src", "test"]
}
`;

const README = `# Two spirals

\`\`\`sh
npm install
npm run train                                # recorded in runs/gradstream; Ctrl-C saves
npx gradstream train --resume                # goes on
npm run evaluate
npx gradstream logs runs/gradstream --format chart
npm test
\`\`\`

\`gradstream.config.ts\` says what the run is, \`src/\` has the data and the model. \`npx gradstream train --help\` says the rest.
`;

const CONFIG = `import { batch, defineConfig, ema, shuffle } from 'gradstream';

import { model } from './src/model.js';
import { held, training } from './src/spirals.js';

export default defineConfig({
  model,
  data: {
    train: (epoch) => training.pipe(shuffle({ seed: 1, epoch }), batch(16)),
    validation: held.pipe(batch(100)),
  },
  loss: 'sparseSoftmaxCrossEntropy',
  optimizer: { name: 'adamw', learningRate: 0.01 },
  metrics: ['accuracy'],
  accumulate: 2, // two micro-batches of 16 to each step
  steps: 600,
  validateEvery: 100,
  operators: [ema('loss', { alpha: 0.05 })],
  checkpoint: { every: 100, best: { metric: 'validation.accuracy', mode: 'max' } },
  engine: 'wasm',
});
`;

const DATA = `import { fromArrays } from 'gradstream';

/** Points on two spirals, one wound into the other; which spiral is the label. */
function spirals(points: number, offset: number) {
  const angles = Array.from({ length: points }, (_, i) => 0.5 + (5 * (i + offset)) / points);
  const xs = angles.flatMap((a) => [[a * Math.cos(a) / 5, a * Math.sin(a) / 5], [-a * Math.cos(a) / 5, -a * Math.sin(a) / 5]]);
  return fromArrays({ xs, ys: Int32Array.from(xs, (_, i) => i % 2) });
}

export const training = spirals(256, 0);
/** Points between those that are trained on. */
export const held = spirals(100, 0.5);
`;

const MODEL = `import type * as tfjs from '@tensorflow/tfjs';

export function model(tf: typeof tfjs) {
  const layer = (units: number, seed: number) =>
    tf.layers.dense({ units, activation: 'tanh', kernelInitializer: tf.initializers.glorotUniform({ seed }) });
  return tf.sequential({
    layers: [
      tf.layers.inputLayer({ inputShape: [2] }),
      layer(32, 1),
      layer(32, 2),
      tf.layers.dense({ units: 2, kernelInitializer: tf.initializers.glorotUniform({ seed: 3 }) }),
    ],
  });
}
`;

const TEST = `import assert from 'node:assert/strict';
import { test } from 'node:test';

import { accuracy, adamw, batch, engine, evaluate, shuffle, sparseSoftmaxCrossEntropy, train } from 'gradstream';
import { lastValueFrom } from 'rxjs';

import { model as makeModel } from '../src/model.js';
import { held, training } from '../src/spirals.js';

test('the spirals are told apart', async () => {
  const { tf } = await engine('wasm');
  const model = makeModel(tf);
  const batches = (epoch: number) => training.pipe(shuffle({ seed: 1, epoch }), batch(32));
  const loss = sparseSoftmaxCrossEntropy;
  await lastValueFrom(train(model, batches, { loss, optimizer: adamw({ learningRate: 0.01 }), steps: 400 }));

  const { metrics } = await lastValueFrom(evaluate(model, held.pipe(batch(100)), { loss, metrics: { accuracy } }));
  assert(metrics['accuracy']! > 0.9, \`accuracy must be above 0.9, it is \${metrics['accuracy']}\`);
  model.dispose();
});
`;
