import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** What a build did in a process of its own. */
export interface Loaded {
  /** TensorFlow's version and whether it uses a GPU, if the build could be loaded and computed rightly. */
  readonly result: { readonly tensorflow: string; readonly gpu: boolean } | undefined;
  /** All that it wrote: TensorFlow's log, or the loader's message. */
  readonly log: string;
}

const MARK = 'gradstream: ';

// Plain CommonJS: it must run under any Node and from any folder, before a build is in its place.
const SCRIPT = `
const util = require('util');
util.isNullOrUndefined ??= (value) => value == null;
util.isArray ??= Array.isArray;
const tf = require('@tensorflow/tfjs-node-gpu');
tf.matMul(tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[5], [6]])).data().then((product) => {
  if (product[0] !== 17 || product[1] !== 39) throw new Error('[[1, 2], [3, 4]] times [5, 6] must be 17, 39; it is ' + product);
  const { binding, isUsingGpuDevice } = tf.backend();
  console.log('${MARK}' + JSON.stringify({ tensorflow: binding.TF_Version, gpu: isUsingGpuDevice }));
});
`;

/** Loads a build in a fresh process and multiplies two matrices. */
export function loadQuietly(build: string, env: NodeJS.ProcessEnv = {}, signal?: AbortSignal): Promise<Loaded> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['-e', SCRIPT], {
      cwd: join(build, 'node_modules'),
      env: { TF_CPP_MIN_LOG_LEVEL: '2', ...process.env, NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(signal && { signal }),
    });
    let log = '';
    child.stdout.on('data', (text) => (log += String(text)));
    child.stderr.on('data', (text) => (log += String(text)));
    child.on('error', reject);
    child.on('close', (_, killedBy) => {
      const line = log.split('\n').find((text) => text.startsWith(MARK));
      const result = line && (JSON.parse(line.slice(MARK.length)) as Loaded['result']);
      resolve({ result: result || undefined, log: killedBy ? `${log}ended by ${killedBy}` : log });
    });
  });
}
