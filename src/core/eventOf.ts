import { NonFiniteError } from './errors.js';
import type { StepEvent } from './events.js';
import { takeResult } from './readResults.js';
import { RUN } from './run.js';
import { summarize } from './summarize.js';
import type { StepResult } from './values.js';

/** The event of one step; takes its numbers from the front of `numbers`. */
export function eventOf(step: StepResult, numbers: number[], onNonFinite: 'error' | 'keep'): StepEvent {
  const { globalStep, microStep, epoch, samples, learningRate, worldSize, reducers } = step;
  const microBatches = step.microBatches.map((result) => takeResult(result, numbers));
  const gradientNorm = step.gradientNorm && numbers.shift();
  const skipped = step.finite !== undefined && numbers.shift() !== 1;
  const { loss, metrics } = summarize(microBatches, reducers);

  const lossIsBad = microBatches.some((result) => result.weight > 0 && !Number.isFinite(result.loss));
  const what = lossIsBad
    ? 'loss'
    : skipped || (gradientNorm !== undefined && !Number.isFinite(gradientNorm))
      ? 'gradients'
      : undefined;
  if (what && !skipped && onNonFinite === 'error') {
    throw new NonFiniteError(
      `readback: the ${what} must be finite at global step ${globalStep}, received ${lossIsBad ? loss : gradientNorm}; ` +
        'lower the learning rate, clip, put skipNonFinite() before the optimizer, or ask for readback(n, { nonFinite: "keep" })',
      what,
      globalStep,
    );
  }
  return {
    type: 'step',
    globalStep,
    microStep,
    epoch,
    loss,
    metrics,
    microBatches,
    samples,
    learningRate,
    ...(gradientNorm !== undefined && { gradientNorm }),
    worldSize,
    ema: {},
    ...(step.changes && { changes: step.changes }),
    ...(step.histograms && { histograms: step.histograms }),
    ...(what && { nonFinite: { what, action: skipped ? 'skipped' : 'kept' } }),
    ...(step[RUN] && { [RUN]: step[RUN] }),
  };
}
