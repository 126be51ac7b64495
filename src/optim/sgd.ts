import type * as tf from '@tensorflow/tfjs';

import { ArgumentError } from '../core/errors.js';
import { checkLive, type Live } from '../core/live.js';
import type { Optimizer } from '../core/optimizer.js';
import { tensors } from '../core/tensors.js';
import { assertKept, assertRate } from './checkOptions.js';
import { filled } from './filled.js';

/** What {@link sgd} may be told. */
export interface SgdOptions {
  /** The length of a step; at least 0. 0.01 unless given. */
  readonly learningRate?: Live;
  /** What is kept of the velocity from step to step; at least 0, below 1. 0, no momentum, unless given. */
  readonly momentum?: number;
  /** Looks one step ahead along the velocity; needs a momentum. */
  readonly nesterov?: boolean;
  /** The rate at which every weight is pulled to 0, by way of its gradient (L2); at least 0. 0 unless given. */
  readonly weightDecay?: number;
}

/**
 * Steps against the gradient, with momentum if asked for.
 *
 * The smallest optimizer there is: with a tuned learning rate and momentum it is still hard to beat on image models, and without momentum
 * it needs no memory at all.
 *
 * ```text
 * slope    = gradient + weightDecay · weight
 * velocity = momentum · velocity + slope                 the first is slope
 * weight   = weight − learningRate · velocity            nesterov: slope + momentum · velocity in its place
 * ```
 *
 * As in PyTorch, the learning rate multiplies the velocity as it leaves, so a changed rate acts at once on all of it. Weight decay is part
 * of the gradient here, biases included; {@link adamw} has the decoupled kind.
 *
 * **Cost**: 2 kernels and 1 constant a step, whatever the number of variables; with momentum 4 and 2, with nesterov 6 and 2; weight decay
 * adds 2 and 1.
 * **Memory**: no state; with momentum one set of weights (`velocity`).
 * **Ownership**: `init` and `update` make what they return, which the caller owns; they dispose nothing else.
 *
 * @example
 * ```ts
 * const optimizer = sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true });
 * ```
 *
 * @param options - See {@link SgdOptions}; everything has a default.
 * @throws {@link ArgumentError} at once, if an option is out of its range, or `nesterov` is asked for without momentum.
 *
 * @see Momentum: Polyak 1964, doi:10.1016/0041-5553(64)90137-5. Nesterov's as in Sutskever et al. 2013,
 * https://proceedings.mlr.press/v28/sutskever13.html, in the form of PyTorch's `torch.optim.SGD`.
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  const { learningRate = 0.01, momentum = 0, nesterov = false, weightDecay = 0 } = options;
  checkLive(learningRate, 'sgd: learningRate', assertRate);
  assertKept(momentum, 'sgd: momentum');
  assertRate(weightDecay, 'sgd: weightDecay');
  if (nesterov && momentum === 0) throw new ArgumentError('sgd: momentum must be above 0 for nesterov, received 0');

  return {
    name: 'sgd',
    learningRate,
    options: { momentum, nesterov, weightDecay },
    formula: { kind: 'sgd', momentum, nesterov, weightDecay },
    init: (slots) => (momentum > 0 ? { velocity: filled(slots, 0) } : {}),
    update: (gradients, state, weights, rate) => {
      const { add, mul, scalar, sub, tidy } = tensors();
      return tidy(() => {
        const slope = weightDecay > 0 ? add(gradients, mul(weights, weightDecay)) : gradients;
        const step = (direction: tf.Tensor): tf.Tensor1D => sub(weights, mul(direction, rate));
        if (momentum === 0) return { weights: step(slope), state: {} };
        const kept = scalar(momentum);
        const velocity = add(mul(state.velocity!, kept), slope);
        return { weights: step(nesterov ? add(slope, mul(velocity, kept)) : velocity), state: { velocity } };
      });
    },
  };
}
