import type * as tf from '@tensorflow/tfjs';
import { of } from 'rxjs';

import { EngineError, messageOf } from '../core/errors.js';
import { bindTensors } from '../core/tensors.js';
import { registerMatMul } from './wasm/matMul.js';
import { registerSplitV } from './wasm/splitV.js';

/** What an engine is called. */
export type EngineName = 'wasm' | 'cpu';

/** A chosen engine: what it is, and the TensorFlow.js that it runs. */
export interface Engine {
  readonly name: EngineName;
  readonly tf: typeof tf;
}

/**
 * Chooses the engine that everything computes with; await it once, before anything is computed.
 *
 * It gives the engine that was asked for or an error that says what is missing; it never falls back to another.
 *
 * @example
 * ```ts
 * const { tf } = await engine('wasm');
 * ```
 *
 * @throws {@link EngineError} (rejects) if the engine cannot run here.
 */
export async function engine(name: EngineName): Promise<Engine> {
  try {
    const library = await import('@tensorflow/tfjs');
    if (name === 'wasm') await loadWasm(library);
    if (!(await library.setBackend(name))) throw new EngineError(`TensorFlow.js refused the backend '${name}'`);
    await library.ready();
    useTensorFlow(library);
    return { name, tf: library };
  } catch (cause) {
    throw new EngineError(`engine: '${name}' must run here, but ${messageOf(cause)}`, { cause });
  }
}

/**
 * Computes with a TensorFlow.js that you have set up yourself, on whatever backend it is set to.
 *
 * `engine()` does it for you; use this one in an app that already has its own backend.
 */
export function useTensorFlow(library: typeof tf): void {
  bindTensors({
    ...library,
    read: (tensor) => (isAsynchronous(library.getBackend()) ? tensor.data() : of(tensor.dataSync())),
  });
}

let wasmLoaded: Promise<void> | undefined;

/** Loads the wasm backend, once, and replaces the kernels that make training on it slow. */
function loadWasm(library: typeof tf): Promise<void> {
  wasmLoaded ??= import('@tensorflow/tfjs-backend-wasm').then(() => {
    registerMatMul(library);
    registerSplitV(library);
  });
  return wasmLoaded;
}

/** Whether results lie on a device that works on its own time; elsewhere they are at hand, and a promise would only delay them. */
function isAsynchronous(backend: string): boolean {
  return backend === 'webgpu' || backend === 'webgl';
}
