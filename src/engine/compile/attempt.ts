import type * as tf from '@tensorflow/tfjs';

import { CompileError, messageOf } from '../../core/errors.js';

/** Does something with the graph in a `tidy`; what TensorFlow refuses cannot be compiled. */
export function attempt(library: typeof tf, work: () => void): void {
  try {
    library.tidy(work);
  } catch (cause) {
    if (cause instanceof CompileError) throw cause;
    throw new CompileError(`TensorFlow refuses the graph: ${messageOf(cause)}`, { cause });
  }
}
