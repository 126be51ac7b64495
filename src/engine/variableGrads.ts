import type * as tf from '@tensorflow/tfjs';

/** What TensorFlow.js keeps of the operations whose gradients are to be computed. */
interface Tape {
  gradientDepth: number;
  activeTape: { readonly saved: tf.Tensor[] }[] | null;
}

/** TensorFlow.js's `variableGrads`, which frees what operations have saved for their gradients even if one of them fails (out of memory, say). */
export function variableGradsOf(library: typeof tf): typeof tf.variableGrads {
  return (f, variables) => {
    try {
      return library.variableGrads(f, variables);
    } catch (error) {
      const { state } = library.engine() as unknown as { readonly state: Tape };
      if (state.gradientDepth === 0) {
        state.activeTape?.forEach(({ saved }) => library.dispose(saved));
        state.activeTape = null;
      }
      throw error;
    }
  };
}
