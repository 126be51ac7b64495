import type * as tf from '@tensorflow/tfjs';
import { defer, type OperatorFunction } from 'rxjs';

import { assertPositiveInteger, ModelError } from '../src/core/errors.js';
import { disposeTensors } from '../src/core/batch.js';
import { noteChanges } from '../src/core/changes.js';
import { checkLive, describeLive, liveValue, type Live } from '../src/core/live.js';
import { tensors } from '../src/core/tensors.js';
import type { GradientStep, MicroBatchResult, MicroStep } from '../src/core/values.js';
import { assertRemainder, windows } from '../src/core/windows.js';
import { holdWindow, restoreWindow, type OpenWindow } from '../src/core/heldWindow.js';

/** Options of {@link accumulate}. */
export interface AccumulateOptions {
  /**
   * What becomes of a window that an epoch leaves unfilled: `flush` makes a step of it, `drop` forgets it, `carry` goes on filling it in the
   * next epoch and flushes only at the very end.
   */
  readonly remainder?: 'flush' | 'drop' | 'carry';
}

/**
 * Merges every `microBatches` micro-steps into one gradient step: a `bufferCount` for gradients.
 *
 * The optimizer then sees one large batch that never had to fit in memory at once.
 *
 * ```text
 * source:  --a--b--c--d--e--|
 *             accumulate(2)
 * output:  -----x-----y-----(z|)      x = mean(a, b)   y = mean(c, d)   z = e
 * ```
 *
 * Gradients are the weighted mean over the window, Σ(weight·gradient) / Σ weight, divided once at the end: k micro-batches give the gradient of
 * the whole batch, a short last one included. Losses and metrics travel on as a list, so that nothing is averaged away before `ema` has seen it.
 * A window that an epoch or the source leaves unfilled is emitted correctly scaled (see `remainder`); on error or unsubscription it is disposed.
 * A window's size is read once, when its first micro-step arrives.
 *
 * **Shapes**: unchanged.
 * **Memory**: one set of gradients, whatever `microBatches` is; the losses are scalars.
 * **Ownership**: takes the tensors of every micro-step; hands on those of every step it emits.
 *
 * @example
 * ```ts
 * fromPull(batches).pipe(forward(model, mse), backward(), accumulate(8), optimizerStep(adam()));
 * ```
 *
 * @param microBatches - Micro-batches per optimizer step: a positive integer, a schedule of the global step, or an Observable.
 * @throws {@link ArgumentError} at once, if `microBatches` or `remainder` can never be valid.
 * Errors with {@link ArgumentError}, if a schedule or an Observable gives no positive integer; {@link ModelError}, if two models meet in one window.
 * @see {@link optimizerStep} for what advances the global step.
 */
export function accumulate(
  microBatches: Live,
  { remainder = 'flush' }: AccumulateOptions = {},
): OperatorFunction<MicroStep, GradientStep> {
  const label = 'accumulate: microBatches';
  checkLive(microBatches, label, assertPositiveInteger);
  assertRemainder(remainder, 'accumulate');

  return (source) =>
    // Deferred, so that each subscription (a retry, a second replica) has a window of its own.
    defer(() => {
      const size = liveValue(microBatches, 'accumulate', label, assertPositiveInteger);
      return source.pipe(
        size.whileRunning(),
        windows<MicroStep, Window, GradientStep>({
          remainder,
          options: { microBatches: describeLive(microBatches), remainder },
          add: (window, step) => {
            try {
              return window ? add(window, step) : open(step, size.at(step.globalStep + 1));
            } catch (error) {
              disposeTensors(step);
              throw error;
            }
          },
          isFull: ({ microBatches, size }) => microBatches.length === size,
          // Said at the end: a window that is dropped has changed nothing.
          close: (window) => noteChanges(close(window), size.apply(window.size)),
          discard: disposeTensors,
          release: disposeTensors,
          hold: ({ sum, ...window }) => holdWindow(window, sum, window.newest.weights.slots),
          restore: (held, { gradients: _, ...newest }) => {
            const { window, sum } = restoreWindow(held, newest.weights.slots, newest.metrics);
            return { ...window, sum, newest };
          },
        }),
      );
    });
}

interface Window extends OpenWindow {
  /** Σ(weight·gradient) / unit: micro-batches of equal weight are just added. */
  readonly sum: tf.Tensor1D;
  readonly newest: Omit<MicroStep, 'gradients'>;
}

function open({ gradients, ...newest }: MicroStep, size: number): Window {
  const { weight, samples, globalStep } = newest;
  // Without weight it counts nothing, whatever it is: 0·NaN would be NaN.
  const sum = weight === 0 ? tensors().zerosLike(gradients) : gradients;
  if (sum !== gradients) gradients.dispose();
  return { size, unit: weight || 1, sum, weight, samples, globalStep, microBatches: [resultOf(newest)], newest };
}

function add(window: Window, { gradients, ...newest }: MicroStep): Window {
  const { add: plus, mul, tidy } = tensors();
  if (newest.weights !== window.newest.weights) {
    throw new ModelError('accumulate: the micro-batches of a window must come from one model, received those of two');
  }
  const share = newest.weight / window.unit;
  const sum =
    share === 0
      ? window.sum
      : tidy(() => plus<tf.Tensor1D>(window.sum, share === 1 ? gradients : mul(gradients, share)));
  if (sum !== window.sum) window.sum.dispose();
  gradients.dispose();
  return {
    ...window,
    sum,
    weight: window.weight + newest.weight,
    samples: window.samples + newest.samples,
    globalStep: Math.min(window.globalStep, newest.globalStep),
    microBatches: [...window.microBatches, resultOf(newest)],
    newest,
  };
}

function close({ sum, unit, weight, samples, globalStep, microBatches, newest }: Window): GradientStep {
  const { loss: _loss, metrics: _metrics, ...rest } = newest;
  const scale = weight === 0 ? 1 : unit / weight;
  const gradients = scale === 1 ? sum : tensors().mul<tf.Tensor1D>(sum, scale);
  if (gradients !== sum) sum.dispose();
  return { ...rest, gradients, weight, samples, globalStep, microBatches };
}

function resultOf({ loss, weight, metrics }: MicroBatchResult): MicroBatchResult {
  return { loss, weight, metrics };
}
