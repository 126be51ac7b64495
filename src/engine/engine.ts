import type * as tf from '@tensorflow/tfjs';
import { of } from 'rxjs';

import { EngineError, messageOf } from '../core/errors.js';
import { bindTensors } from '../core/tensors.js';
import { openCpu } from './cpu/cpu.js';
import type { Opened } from './opened.js';
import { openWasm } from './wasm/wasm.js';

/** What an engine is called. */
export type EngineName = 'wasm' | 'cpu';

/** A chosen engine: what it is, what it runs on, and its TensorFlow.js. */
export interface Engine extends Opened {
  readonly name: EngineName;
}

/** How each is opened; what it needs is imported only then. */
const OPENERS: Readonly<Record<EngineName, () => Promise<Opened>>> = { wasm: openWasm, cpu: openCpu };

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
  const open = OPENERS[name];
  if (!open)
    throw new EngineError(
      `engine: the name must be one of ${Object.keys(OPENERS).join(', ')}, received '${String(name)}'`,
    );
  try {
    const opened = await open();
    useTensorFlow(opened.tf);
    return { name, ...opened };
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

/** Whether results lie on a device that works on its own time; elsewhere they are at hand, and a promise would only delay them. */
function isAsynchronous(backend: string): boolean {
  return backend === 'webgpu' || backend === 'webgl';
}
