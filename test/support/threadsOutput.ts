import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import type { Worker } from 'node:worker_threads';

import { startThreads } from '../../src/replicas/startThreads.js';

/** What the threads of a world print; it would go to the output of this process. */
export async function threadsOutput(worldSize: number, file: string, data?: unknown): Promise<string> {
  let output = '';
  const listen = (worker: Worker) =>
    worker.stdout.pipe(new Writable({ write: (text, _, done) => ((output += String(text)), done()) }));
  process.on('worker', listen);
  await startThreads(worldSize, pathToFileURL(file), { stdout: true, data }).finally(() =>
    process.off('worker', listen),
  );
  return output;
}
