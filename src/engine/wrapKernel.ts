import type * as tf from '@tensorflow/tfjs';

/** Puts a kernel in the place of a backend's; it is made with the one that was there, if there was one. */
export function wrapKernel(
  library: typeof tf,
  backendName: string,
  kernelName: string,
  wrap: (shipped: tf.KernelFunc | undefined) => tf.KernelFunc,
): void {
  const shipped = library.getKernel(kernelName, backendName);
  if (shipped) library.unregisterKernel(kernelName, backendName);
  // Its setup stays: others may call what it binds.
  library.registerKernel({ ...shipped, kernelName, backendName, kernelFunc: wrap(shipped?.kernelFunc) });
}
