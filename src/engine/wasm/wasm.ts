import type { Opened } from '../opened.js';
import { holdComplex } from './holdComplex.js';
import { registerTraining } from './registerTraining.js';

let registered = false;

/** Options of {@link openWasm}. */
export interface WasmOptions {
  /** The folder that the .wasm files are served from. */
  readonly wasmPath?: string;
}

/** TensorFlow.js on WebAssembly, with what it lacks for training. */
export async function openWasm({ wasmPath }: WasmOptions = {}): Promise<Opened> {
  const tf = await import('@tensorflow/tfjs');
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  if (!registered) {
    registerTraining(tf);
    holdComplex(tf, wasm.BackendWasm.prototype);
    registered = true;
  }
  if (wasmPath !== undefined) wasm.setWasmPaths(wasmPath);
  if (!(await tf.setBackend('wasm'))) {
    throw new Error(
      'TensorFlow.js could not start its wasm backend; in a browser its .wasm files (of @tensorflow/tfjs-backend-wasm/dist) must lie beside the page, ' +
        "or say where: engine('wasm', { wasmPath: '/assets/' })",
    );
  }
  await tf.ready();
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  return { tf, about: `${simd ? 'SIMD' : 'no SIMD'}, ${wasm.getThreadsCount()} thread(s)` };
}
