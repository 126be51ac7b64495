import type * as tf from '@tensorflow/tfjs';

import { EngineError } from '../../core/errors.js';

/** As much of TensorFlow.js's backend as is needed here. */
export interface WebgpuBackend {
  readonly device: Device;
  read(dataId: tf.DataId): Promise<tf.BackendValues>;
}

interface Device {
  readonly lost: Promise<{ readonly message: string }>;
  addEventListener(type: 'uncapturederror', listener: (event: { error: { message: string } }) => void): void;
  destroy(): void;
}

const watched = new WeakSet<WebgpuBackend>();

/**
 * Makes reads fail once the device has.
 *
 * WebGPU computes on after an operation that it refused, shader or buffer, and tells no one but a listener: the numbers would just be wrong.
 */
export function failReads(backend: WebgpuBackend): void {
  if (watched.has(backend)) return;
  watched.add(backend);
  const { device } = backend;
  const read = backend.read.bind(backend);
  let refused: string | undefined;
  let lost: string | undefined;
  device.addEventListener('uncapturederror', ({ error }) => (refused ??= error.message));
  void device.lost.then(({ message }) => (lost = message));

  const throwFailure = (cause?: unknown): void => {
    if (lost !== undefined) throw new EngineError(`webgpu: the device was lost: ${lost}`, { cause });
    if (refused === undefined) return;
    const message = `webgpu: the device refused an operation: ${refused}`;
    refused = undefined; // Said once; what is computed afterwards may be right again.
    throw new EngineError(message, { cause });
  };
  backend.read = async (dataId) => {
    try {
      const values = await read(dataId);
      throwFailure();
      return values;
    } catch (error) {
      throwFailure(error);
      throw error;
    }
  };
}
