import { isNdArray, isTensor, type Batch, type BatchValues, type NdArray } from '../../core/batch.js';
import { sameShape } from './rules/draft.js';

/** What batches must have in common to be computed by one program. */
export function keyOf({ xs, ys, weight }: Batch): string {
  return `${kindOf(xs)};${kindOf(ys)};${typeof weight === 'object' ? 'shares' : ''}`;
}

/** {@link keyOf}, which takes as long as a small op, for batches most of which are like the one before. */
export function keyReader(): typeof keyOf {
  let [key, isLikeBefore]: [string, (batch: Batch) => boolean] = ['', () => false];
  return (batch) => {
    if (!isLikeBefore(batch)) [key, isLikeBefore] = [keyOf(batch), likeness(batch)];
    return key;
  };
}

/** Says of batches whether they are like this one, which it does not hold; of those that are not two arrays, that they may not be. */
function likeness({ xs, ys, weight }: Batch): (batch: Batch) => boolean {
  if (!isNdArray(xs) || !isNdArray(ys) || typeof weight === 'object') return () => false;
  const like = ({ data, shape: given }: NdArray): ((value: BatchValues) => boolean) => {
    const { constructor } = data;
    const shape = [...given]; // which may be used again for another
    return (value) => isNdArray(value) && value.data.constructor === constructor && sameShape(value.shape, shape);
  };
  const [likeXs, likeYs] = [like(xs), like(ys)];
  return (batch) => typeof batch.weight !== 'object' && likeXs(batch.xs) && likeYs(batch.ys);
}

function kindOf(values: BatchValues): string {
  if (isTensor(values)) return `${values.dtype}${values.shape.join()}`;
  if (isNdArray(values)) return `${values.data instanceof Float32Array ? 'float32' : 'int32'}${values.shape.join()}`;
  return Object.entries(values as Record<string, BatchValues>)
    .map(([name, value]) => `${name}:${kindOf(value)}`)
    .join();
}
