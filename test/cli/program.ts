import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { bundled } from '../support/bundled.js';

const main = await bundled(new URL('../../src/cli/main.ts', import.meta.url));

/** The command line, started from its source; as a terminal does if `detached`: with all that it starts it is a group, which Ctrl-C reaches. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}, { detached = false } = {}) {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached,
    env: { ...process.env, ...env },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => (stdout += String(text)));
  child.stderr.on('data', (text) => (stderr += String(text)));
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: (code ?? signal) as number | string,
    stdout,
    stderr,
  }));
  return { child, ended, lines: () => stdout.split('\n').length - 1, said: () => stderr };
}

/** The command line, run to its end. */
export const gradstream = (...args: string[]) => start(args).ended;
