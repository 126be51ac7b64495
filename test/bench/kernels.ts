import type { KernelConfig } from '@tensorflow/tfjs';

import type { EngineName } from '../../src/engine/engine.js';

/** The kernels that are registered for an engine now. */
export async function kernelsOf(name: EngineName): Promise<KernelConfig[]> {
  const tf = await import('@tensorflow/tfjs');
  if (name === 'wasm') await import('@tensorflow/tfjs-backend-wasm');
  return tf.getKernelsForBackend(name);
}

/** Registers exactly these kernels for an engine. */
export async function useKernels(name: EngineName, kernels: readonly KernelConfig[]): Promise<void> {
  const tf = await import('@tensorflow/tfjs');
  for (const { kernelName, backendName } of tf.getKernelsForBackend(name)) tf.unregisterKernel(kernelName, backendName);
  kernels.forEach((kernel) => tf.registerKernel(kernel));
}
