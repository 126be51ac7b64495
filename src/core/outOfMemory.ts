/** Memory has run out, and less cannot be asked for. */
export class OutOfMemoryError extends Error {
  override readonly name = 'OutOfMemoryError';
}

/** What engines say when memory runs out. Anything else that an allocation may fail with (a negative length) is no such thing. */
const SAID: readonly RegExp[] = [
  /OOM when allocating|RESOURCE_EXHAUSTED|Invalid TF_Status: 8\b/, // TensorFlow
  /Array buffer allocation failed|Invalid typed array length: \d/, // V8
  /\bout of memory\b/i, // WebAssembly, WebGPU, CUDA, other browsers
  /Aborted\((OOM)?\)|Cannot enlarge memory/, // Emscripten; without a word, where C++ could not have what it asked for
];

/**
 * Whether an error says that memory has run out, on whatever engine.
 *
 * Engines have no common error for it. A smaller batch may fit, while any other error would only come again.
 *
 * Looks at the error and at what caused it, since what fails in a model arrives as a `BatchError`.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: mse, optimizer: adam() }).subscribe({
 *   error: (error) => console.error(isOutOfMemory(error) ? 'smaller batches, please' : error),
 * });
 * ```
 *
 * @see {@link retryWithSmallerBatches}, {@link batchSizeProbe}
 */
export function isOutOfMemory(error: unknown): boolean {
  const seen = new Set<unknown>();
  for (let cause = error; cause instanceof Error && !seen.has(cause); cause = cause.cause) {
    seen.add(cause);
    const { message } = cause;
    if (cause instanceof OutOfMemoryError || SAID.some((pattern) => pattern.test(message))) return true;
  }
  return false;
}
