import { once } from 'node:events';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

import { CollectiveError } from '../../core/collective.js';
import { messageOf } from '../../core/errors.js';
import type { Handle } from './abi.js';
import { STACK_BYTES, type Koffi } from './library.js';

/** A call of a C function, to be made elsewhere: buffers are handed over as addresses. */
export interface Call {
  readonly name: string;
  readonly declaration: string;
  readonly values: readonly (Handle | NodeJS.TypedArray)[];
}

/** A thread that does nothing but calls into MPI, in which they may wait. */
export interface CallThread {
  /** Makes the calls in order, up to one that fails; their buffers must not be touched until then. One lot at a time. */
  run(this: void, calls: readonly Call[]): Promise<void>;
  close(this: void): void;
}

/** As text, since a thread begins with a file, and what this becomes part of may be one file, or many, or TypeScript. */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const koffi = require(workerData.koffi);
koffi.config({ sync_stack_size: workerData.stackBytes });
const loaded = koffi.load(null); // whatever the process has loaded for all to see
const known = new Map();
const bound = ({ name, declaration }) => {
  if (!known.has(name)) known.set(name, loaded.func(declaration));
  return known.get(name);
};
parentPort.on('message', (calls) => {
  let code = 0;
  const failed = calls.findIndex((call) => (code = bound(call)(...call.values)) !== 0);
  parentPort.postMessage({ failed, code });
});
`;

/**
 * Starts with the first call.
 *
 * Node's own threads take turns, so that a call may wake on a processor that is busy, where it waits for its slice while another stands idle: an all-reduce in
 * twenty pieces then takes 40 ms instead of 8.
 */
export function callThread(koffi: Koffi): CallThread {
  let worker: Worker | undefined;
  const open = (): Worker => {
    const workerData = { koffi: createRequire(import.meta.url).resolve('koffi'), stackBytes: STACK_BYTES };
    return new Worker(PROGRAM, { eval: true, execArgv: [], workerData });
  };
  const ended = (cause: unknown): never => {
    worker = undefined;
    throw new CollectiveError(`mpi: its thread must go on, it ended: ${messageOf(cause)}`, 'library', [], { cause });
  };
  const passed = (value: Handle | NodeJS.TypedArray): Handle =>
    typeof value === 'object' ? koffi.address(value) : value;
  return {
    run: async (calls) => {
      worker ??= open();
      worker.ref();
      worker.postMessage(calls.map((call) => ({ ...call, values: call.values.map(passed) })));
      const [{ failed, code }] = (await once(worker, 'message').catch(ended)) as [{ failed: number; code: number }];
      worker.unref();
      const call = calls[failed]; // which also keeps the buffers until here
      if (call) throw new CollectiveError(`mpi: ${call.name} must succeed, it failed with code ${code}`, 'library', []);
    },
    close: () => void worker?.terminate(),
  };
}
