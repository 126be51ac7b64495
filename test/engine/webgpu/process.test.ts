import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { describe, expect, it } from 'vitest';

import { bundled } from '../../support/bundled.js';
import { onlyInCi } from '../../support/inCi.js';
import { missing as noDriver } from './driver.js';

const missing = noDriver || onlyInCi;
const program = missing ? '' : await bundled(new URL('program.ts', import.meta.url));

/** Makes a package impossible to find, as if it had not been installed. */
const without = (name: string): string =>
  `data:text/javascript,${encodeURIComponent(`
    import { register } from 'node:module';
    const hooks = ${JSON.stringify(`
      export const resolve = (name, context, next) => {
        if (name === '${name}') throw Object.assign(new Error("Cannot find package '${name}'"), { code: 'ERR_MODULE_NOT_FOUND' });
        return next(name, context);
      };`)};
    register('data:text/javascript,' + encodeURIComponent(hooks));
  `)}`;

/** Runs the program; what it printed, how it ended, and how long it lived on after its last line. */
async function run(mode: string, { env, hooks = [] }: { env?: NodeJS.ProcessEnv; hooks?: string[] } = {}) {
  const imports = hooks.flatMap((hook) => ['--import', hook]);
  const child = spawn(process.execPath, [...imports, program, mode], {
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 15_000,
  });
  let [output, errors, doneAt] = ['', '', Infinity];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.endsWith('done\n')) doneAt = performance.now();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { output, ended: code ?? signal, errors, lingeredMs: performance.now() - doneAt };
}

describe.skipIf(missing)(`a process that trains on webgpu${missing}`, () => {
  it.each([
    ['forgets', 'end\ndone\n'],
    ['closes', 'end\nas before\ndone\n'],
    ['unsubscribes', 'done\n'],
  ])('exits by itself: one that %s', async (mode, output) => {
    const result = await run(mode);

    expect(result).toMatchObject({ output, ended: 0 });
    expect(result.lingeredMs).toBeLessThan(1000);
  });

  it.each([
    [
      'there is no driver',
      /^no engine: no GPU was found: .*libvulkan1.*use engine\('wasm'\)\ndone\n$/,
      { env: { VK_ICD_FILENAMES: 'nowhere' } },
    ],
    [
      'the package webgpu is missing',
      /^no engine: the package 'webgpu' must load \(npm install webgpu\): Cannot find.*\ndone\n$/,
      { hooks: [without('webgpu')] },
    ],
    [
      'the backend is missing',
      /^no engine: the package '@tensorflow\/tfjs-backend-webgpu' must load \(npm install @tensorflow\/tfjs-backend-webgpu\): Cannot find.*\ndone\n$/,
      { hooks: [without('@tensorflow/tfjs-backend-webgpu')] },
    ],
    [
      'the backend was imported too early',
      /^no engine: @tensorflow\/tfjs-backend-webgpu was imported before .* leave its import to engine\('webgpu'\)\ndone\n$/,
      {},
    ],
  ])('says what to do, and computes nothing on the cpu instead, when %s', async (mode, output, given) => {
    const { errors, ...result } = await run(mode.replace('the backend was ', ''), given);

    expect(result).toMatchObject({ ended: 0, output: expect.stringMatching(output) });
    expect(errors).not.toContain('at async');
  });
});
