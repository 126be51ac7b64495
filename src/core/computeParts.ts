import { addPart, type PartResult } from './addPart.js';
import { disposeTensors, samplesOf, weightOf } from './batch.js';
import { checkBatch } from './checkBatch.js';
import { isOutOfMemory } from './outOfMemory.js';
import type { Part } from './parts.js';
import { shareOf, sliceBatch } from './sliceBatch.js';
import type { ForwardPass } from './values.js';

/** Does something with a pass's samples from `start` on, with as many of them as fit in memory. The batch stays the caller's. */
export function onWhatFits<R>(
  pass: ForwardPass,
  { start, index }: { readonly start: number; readonly index: number },
  microStep: number,
  work: (part: Part) => R,
): Part & { readonly result: R } {
  const { batch, parts } = pass;
  const samples = samplesOf(batch);
  for (;;) {
    const size = Math.min(parts?.limit() ?? Infinity, samples - start);
    const isWhole = size === samples || samples === 0;
    if (!isWhole) checkBatch(batch, microStep); // a slice may look right where the batch is not
    const own = isWhole ? batch : sliceBatch(batch, start, start + size);
    const part = { batch: own, share: isWhole ? 1 : shareOf(own, batch), index };
    try {
      return { ...part, result: work(part) };
    } catch (error) {
      if (!parts || !isOutOfMemory(error)) throw error;
      parts.tooMany(size, { globalStep: pass.globalStep() + 1, epoch: batch.epoch ?? 1 }, error);
    } finally {
      if (own !== batch) disposeTensors(own);
    }
  }
}

/**
 * Computes a micro-batch in as many parts as it takes to fit, and merges what they give: the mean over all samples, as if it had been one part.
 *
 * The batch stays the caller's; the tensors become the caller's.
 */
export function computeParts<R extends PartResult>(
  pass: ForwardPass,
  microStep: number,
  compute: (part: Part) => R,
): R {
  const { batch, parts } = pass;
  if (!parts) return compute({ batch, share: 1, index: 0 });
  const samples = samplesOf(batch);
  let sum: PartResult | undefined;
  let start = 0;
  try {
    for (let index = 0; ; index++) {
      const { result, ...part } = onWhatFits(pass, { start, index }, microStep, compute);
      if (part.batch === batch) return result;
      start += samplesOf(part.batch);
      const before = sum;
      sum = undefined; // taken, whatever comes of it
      sum = addPart(before, result, part, pass, parts);
      if (start >= samples) break;
    }
    return { ...sum, weight: weightOf(batch) } as R;
  } catch (error) {
    disposeTensors(sum);
    throw error;
  }
}
