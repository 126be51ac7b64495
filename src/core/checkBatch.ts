import { samplesOf, valuesOf, type Batch, type BatchValue } from './batch.js';
import { BatchError } from './errors.js';

/**
 * Throws unless inputs, labels and weights cover the same samples, of which there is at least one.
 *
 * @throws {@link BatchError} naming the micro-batch.
 */
export function checkBatch(batch: Batch, microStep: number): void {
  const fail = (what: string): never => {
    throw new BatchError(`forward: micro-batch ${microStep} must have ${what}`, microStep);
  };
  for (const name of ['xs', 'ys'] as const) {
    const side: unknown = batch[name];
    if (typeof side !== 'object' || side === null) fail(`inputs xs and labels ys, received no ${name}`);
  }
  const samples = samplesOf(batch);
  if (samples < 1) fail('at least one sample, received none');
  const isOdd = ({ shape }: BatchValue): boolean => shape[0] !== samples;
  const odd = valuesOf(batch.xs).find(isOdd) ?? valuesOf(batch.ys).find(isOdd);
  if (odd)
    fail(`one label for each sample, received ${samples} samples and a value of shape [${odd.shape.join(', ')}]`);
  const { weight } = batch;
  if (weight === undefined) return;
  if (typeof weight !== 'number' && weight.length !== samples)
    fail(`one weight for each of ${samples} samples, received ${weight.length}`);
  const wrong = (typeof weight === 'number' ? [weight] : Array.from(weight)).find((w) => !(w >= 0 && w < Infinity));
  if (wrong !== undefined) fail(`a weight of at least 0, received ${wrong}`);
}
