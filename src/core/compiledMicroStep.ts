import { weightOf } from './batch.js';
import type { CompiledStep } from './compiler.js';
import { computeParts } from './computeParts.js';
import { RUN } from './run.js';
import type { ForwardPass, MicroBatchResult } from './values.js';

/**
 * Has a micro-batch computed by a compiled step, in parts if it must be.
 *
 * @param opened - The weight that counts 1 in the sum of the window's gradients: that of the first part in it, and none before there is one.
 */
export function compiledMicroStep(
  step: CompiledStep,
  pass: ForwardPass,
  opened: number | undefined,
  microStep: number,
): { readonly result: MicroBatchResult; readonly unit: number } {
  pass[RUN]?.times?.enter('forwardBackward');
  const weight = weightOf(pass.batch);
  let unit = opened;
  const result = computeParts(pass, microStep, ({ batch, share, index }) => {
    const own = unit ?? (weight * share || 1);
    const place = { opens: unit === undefined, share: (weight * share) / own, part: index };
    const given = step.microStep(batch, place, microStep);
    unit = own; // not before: a part that fails opens nothing
    return given;
  });
  return { result, unit: unit! };
}
