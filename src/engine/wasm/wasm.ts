import { ArgumentError, EngineError } from '../../core/errors.js';
import type { Opened } from '../opened.js';
import { failAllocations, type WasmModule } from './failAllocations.js';
import { holdComplex } from './holdComplex.js';
import { registerTraining } from './registerTraining.js';

let registered = false;

/** Options of {@link openWasm}. */
export interface WasmOptions {
  /** The folder that the .wasm files are served from. */
  readonly wasmPath?: string;
  /** How many threads to compute with in Node, 1 to 8; unless given, 1. Not for browsers, which choose by themselves. */
  readonly threads?: number;
}

/** How many threads the backend was started with. */
let started: number | undefined;

/**
 * TensorFlow.js on WebAssembly, with what it lacks for training.
 *
 * @throws {@link ArgumentError} (rejects) if `threads` is no number from 1 to 8, or is given in a browser.
 */
export async function openWasm({ wasmPath, threads: wanted }: WasmOptions = {}): Promise<Opened> {
  if (wanted !== undefined && !('process' in globalThis))
    throw new ArgumentError(
      'threads are chosen by the browser, several where the page is cross-origin isolated: leave the option out',
    );
  const threads = wanted ?? started ?? 1;
  if (!(Number.isInteger(threads) && threads >= 1 && threads <= 8))
    throw new ArgumentError(`threads must be a whole number from 1 to 8, received ${threads}`);
  if (started !== undefined && started !== threads)
    throw new EngineError(`wasm runs with ${started} thread(s) in this process; it cannot change to ${threads}`);
  const tf = await import('@tensorflow/tfjs');
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  if (!registered) {
    registerTraining(tf);
    holdComplex(tf, wasm.BackendWasm.prototype);
    registered = true;
  }
  if (threads > 1 && started === undefined) await (await import('./threads.js')).useThreads(tf, wasm, threads);
  if (wasmPath !== undefined) wasm.setWasmPaths(wasmPath);
  if (!(await tf.setBackend('wasm'))) {
    throw new Error(
      'TensorFlow.js could not start its wasm backend; in a browser its .wasm files (of @tensorflow/tfjs-backend-wasm/dist) must lie beside the page, ' +
        "or say where: engine('wasm', { wasmPath: '/assets/' })",
    );
  }
  await tf.ready();
  failAllocations((tf.backend() as unknown as { wasm: WasmModule }).wasm);
  started = threads;
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  return { tf, about: `${simd ? 'SIMD' : 'no SIMD'}, ${wasm.getThreadsCount()} thread(s)` };
}
