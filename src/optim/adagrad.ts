import type * as tf from '@tensorflow/tfjs';

import { assertPositive } from '../core/errors.js';
import { checkLive, type Live } from '../core/live.js';
import type { Optimizer } from '../core/optimizer.js';
import { tensors } from '../core/tensors.js';
import { assertRate } from './checkOptions.js';
import { filled } from './filled.js';

/** What {@link adagrad} may be told. */
export interface AdagradOptions {
  /** The change of a weight in the first step; at least 0. 0.01 unless given. */
  readonly learningRate?: Live;
  /** What the sum of squares starts from; at least 0. 0 unless given. */
  readonly initialSquares?: number;
  /** Added to the root of the sum, against division by 0; above 0. 1e-10 unless given. */
  readonly epsilon?: number;
}

/**
 * Steps against the gradient, each weight divided by the root of all its squares so far.
 *
 * Weights that seldom have a gradient keep long steps, the others' shrink: made for sparse features.
 *
 * ```text
 * squares = squares + gradient²
 * weight  = weight − learningRate · gradient / (√squares + ε)
 * ```
 *
 * Steps only ever get shorter, about as 1 / √steps. A weight whose gradients were all 0 stays.
 *
 * **Cost**: 7 kernels and 2 constants a step, whatever the number of variables.
 * **Memory**: one set of weights (`squares`).
 * **Ownership**: `init` and `update` make what they return, which the caller owns; they dispose nothing else.
 *
 * @example
 * ```ts
 * const optimizer = adagrad({ learningRate: 0.1 });
 * ```
 *
 * @param options - See {@link AdagradOptions}; everything has a default.
 * @throws {@link ArgumentError} at once, if an option is out of its range.
 *
 * @see Duchi, Hazan and Singer 2011, https://jmlr.org/papers/v12/duchi11a.html, in the form of PyTorch's `torch.optim.Adagrad`.
 */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  const { learningRate = 0.01, initialSquares = 0, epsilon = 1e-10 } = options;
  checkLive(learningRate, 'adagrad: learningRate', assertRate);
  assertRate(initialSquares, 'adagrad: initialSquares');
  assertPositive(epsilon, 'adagrad: epsilon');

  return {
    name: 'adagrad',
    learningRate,
    options: { epsilon },
    formula: { kind: 'adagrad', epsilon },
    init: (slots) => ({ squares: filled(slots, initialSquares) }),
    update: (gradients, state, weights, rate) => {
      const { add, div, mul, sqrt, square, sub, tidy } = tensors();
      return tidy(() => {
        const squares = add(state.squares!, square(gradients));
        const step = mul(div(gradients, add(sqrt(squares), epsilon)), rate);
        return { weights: sub<tf.Tensor1D>(weights, step), state: { squares } };
      });
    },
  };
}
