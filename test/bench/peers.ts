import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { nativeFolder } from '../../src/engine/node/place.js';
import { K, type Run } from './contenders.js';
import type { BenchModel } from './models.js';

/** Where installPeers.ts puts Python's packages: `node_modules/.cache/gradstream/peers`. */
export const VENV = join(nativeFolder(), '..', 'peers');
export const VENV_PYTHON = join(
  VENV,
  ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']),
);

/** PyTorch and Lightning in a process of their own, which lives as long as the bench. */
export interface Peers {
  /** Their versions, or why there are none. */
  readonly about: string;
  readonly names: readonly string[];
  /** Trains a model whose files are in the folder; rejects if the peer cannot. */
  run(kind: BenchModel, peer: string, warmUp: number, steps: number): Promise<Run>;
  close(): void;
}

type Answer = Run & { readonly error?: string };

/** Starts peers.py; without Python or its packages there are no peers. */
export async function openPeers(folder: string, device: 'cpu' | 'cuda'): Promise<Peers> {
  const python = existsSync(VENV_PYTHON) ? VENV_PYTHON : 'python3';
  const script = fileURLToPath(new URL('peers.py', import.meta.url));
  const child = spawn(python, [script, folder, device, String(K)], {
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
  child.on('error', ({ message }) => (said = message)); // stdout then ends, as it does when the process dies
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T | undefined> => {
    const { done, value } = await lines.next();
    return done ? undefined : (JSON.parse(value) as T);
  };
  const ready = await next<{ about: string; peers: string[] }>();
  const why = said.trim().split('\n').at(-1);
  return {
    about: ready?.about ?? `without PyTorch and Lightning (${why}); npm run bench:peers installs them`,
    names: ready?.peers ?? [],
    run: async (model, peer, warmUp, steps) => {
      child.stdin.write(`${JSON.stringify({ model, peer, warmUp, steps })}\n`);
      const answer = await next<Answer>();
      if (!answer) throw new Error(`bench: peers.py has ended: ${said}`);
      if (answer.error) throw new Error(answer.error);
      return answer;
    },
    close: () => child.stdin.end(),
  };
}
