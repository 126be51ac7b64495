import type * as tf from '@tensorflow/tfjs';

import { execute, registerWrapped } from './native.js';

type Inputs = { logits: tf.Tensor };

/**
 * Makes native draws from a distribution the same for the same seed, and takes probabilities.
 *
 * The shipped kernel draws on from where the last call with this seed has ended.
 */
export function registerMultinomial(library: typeof tf): void {
  registerWrapped<Inputs, tf.MultinomialAttrs>(library, 'Multinomial', ({ inputs: { logits }, attrs, backend }) =>
    library.tidy(() => {
      const { TF_FLOAT, TF_INT32 } = backend.binding;
      // The number's 64 bits: a seed that was not given is a fraction.
      const seed = library.tensor1d(new Int32Array(new Float64Array([attrs.seed]).buffer));
      const scores = attrs.normalized ? library.log(logits) : logits;
      const types = { T: TF_FLOAT, Tseed: TF_INT32, output_dtype: TF_INT32 };
      return execute(backend, 'StatelessMultinomial', types, [scores, library.scalar(attrs.numSamples, 'int32'), seed]);
    }),
  );
}
