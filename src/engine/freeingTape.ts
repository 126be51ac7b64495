import type * as tf from '@tensorflow/tfjs';

type State = { activeTape: { readonly saved?: readonly tf.Tensor[] }[] | null; readonly gradientDepth: number };

/**
 * Gradients as `variableGrads` gives them, and nothing left behind when they cannot be computed.
 *
 * TensorFlow.js keeps what the forward pass has saved for the gradients until these are there; when one of them fails, it keeps it for good. Of all times,
 * memory has to be given back when it has run out.
 */
export function freeingTape(library: Pick<typeof tf, 'engine' | 'variableGrads'>): typeof tf.variableGrads {
  return (f, variables) => {
    try {
      return library.variableGrads(f, variables);
    } catch (error) {
      const state = library.engine().state as unknown as State;
      if (state.gradientDepth === 0) {
        state.activeTape?.forEach(({ saved = [] }) => saved.forEach((tensor) => tensor.dispose()));
        state.activeTape = null;
      }
      throw error;
    }
  };
}
