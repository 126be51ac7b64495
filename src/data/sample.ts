import { isNdArray, type NdArray } from '../core/batch.js';
import { dtypeOf, nameOf, sizeOf } from './ndArray.js';

/** The inputs or labels of one sample: one value, several in order, or several by name. */
export type SampleValues = NdArray | readonly NdArray[] | Readonly<Record<string, NdArray>>;

/** One example on the host. Its shapes have no axis for samples: a scalar's is `[]`. */
export interface Sample<Xs extends SampleValues = SampleValues, Ys extends SampleValues = SampleValues> {
  readonly xs: Xs;
  readonly ys: Ys;
  /** Which pass over the data it belongs to, where `epochs` has said so; the first is 1. */
  readonly epoch?: number;
}

/** The same arrangement, with every value replaced by what `change` makes of it; the key is left out where there is one value only. */
export function mapValues(values: SampleValues, change: (value: NdArray, key?: string) => NdArray): SampleValues {
  if (isNdArray(values)) return change(values);
  if (Array.isArray(values)) return values.map((value: NdArray, i) => change(value, String(i)));
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value, key)]));
}

/** One value of an arrangement, by the key that {@link mapValues} gave. */
export function valueAt(values: SampleValues, key: string | undefined): NdArray {
  return key === undefined ? (values as NdArray) : (values as Readonly<Record<string, NdArray>>)[key]!;
}

/** True for a plain object: what holds values by name. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || isNdArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** True for NdArrays whose data fit their shapes, in any of the arrangements. */
export function isSampleValues(values: unknown): values is SampleValues {
  const fits = (value: unknown): boolean => isNdArray(value) && value.data.length === sizeOf(value.shape);
  return Array.isArray(values) || isRecord(values) ? Object.values(values).every(fits) : fits(values);
}

/** True if both have the same arrangement, types and shapes. */
export function isAlike(a: SampleValues, b: SampleValues): boolean {
  if (isNdArray(a) && isNdArray(b) && a.shape === b.shape) {
    // Samples of fromArrays share their shape: most comparisons end here, without a string being made.
    return a.data.length === b.data.length && dtypeOf(a.data) === dtypeOf(b.data);
  }
  return describe(a) === describe(b);
}

/** Arrangement, types and shapes in one line, such as `{ age: float32 [], image: uint8 [28,28] }`. Takes what is no sample, too. */
export function describe(values: unknown): string {
  if (isNdArray(values)) {
    const wrongLength = values.data.length === sizeOf(values.shape) ? '' : ` with ${values.data.length} numbers`;
    return `${dtypeOf(values.data)} [${values.shape.join(',')}]${wrongLength}`;
  }
  if (Array.isArray(values)) return `[${values.map(describe).join(', ')}]`;
  if (!isRecord(values)) return nameOf(values);
  const named = Object.keys(values)
    .toSorted()
    .map((key) => `${key}: ${describe(values[key])}`);
  return `{ ${named.join(', ')} }`;
}
