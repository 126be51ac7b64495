import type { KernelConfig } from '@tensorflow/tfjs';

/** wasm's kernels as they are registered now: as shipped, until the engine has been opened. */
export async function wasmKernels(): Promise<KernelConfig[]> {
  const tf = await import('@tensorflow/tfjs');
  await import('@tensorflow/tfjs-backend-wasm');
  return tf.getKernelsForBackend('wasm');
}

/** Registers exactly these kernels for wasm. */
export async function useWasmKernels(kernels: readonly KernelConfig[]): Promise<void> {
  const tf = await import('@tensorflow/tfjs');
  for (const { kernelName, backendName } of tf.getKernelsForBackend('wasm'))
    tf.unregisterKernel(kernelName, backendName);
  kernels.forEach((kernel) => tf.registerKernel(kernel));
}
