import type { AsyncIterableX } from 'ix/asynciterable';
import { defer } from 'ix/asynciterable/defer';

import { isNdArray, type NdArray } from '../core/batch.js';
import { ArgumentError } from '../core/errors.js';
import { dtypeOf, nameOf, sizeOf, toNdArray, type NestedNumbers } from './ndArray.js';
import { isRecord, mapValues, type Sample, type SampleValues } from './sample.js';

/** One input or label for all samples: the first axis, or the outermost array, counts them. */
export type SamplesValue = NdArray | NdArray['data'] | readonly NestedNumbers[];

/** Inputs or labels for all samples: one value, a list of NdArrays, or a record of values. */
export type SamplesValues = SamplesValue | readonly NdArray[] | Readonly<Record<string, SamplesValue>>;

/** What {@link SamplesValues} become in one sample: every value of them an NdArray. */
export type OneOf<V extends SamplesValues> = V extends readonly NdArray[]
  ? { readonly [K in keyof V]: NdArray }
  : V extends SamplesValue
    ? NdArray
    : { readonly [K in keyof V]: NdArray };

/**
 * Gives samples one by one out of arrays that hold all of them.
 *
 * Data that fits into memory needs no file, and the start of a pipeline is one line.
 *
 * ```text
 * xs: [[1, 2], [3, 4], [5, 6]]   ys: [0, 1, 1]
 *                fromArrays({ xs, ys })
 * output:  a  b  c |         a = { xs: [1, 2], ys: 0 }   b = { xs: [3, 4], ys: 1 }   c = { xs: [5, 6], ys: 1 }
 * ```
 *
 * A value is an NdArray (`{ data, shape }`, the first axis counts the samples), a bare typed array (one scalar per sample), or nested arrays of
 * numbers. Typed arrays keep their type; plain numbers become float32, in `xs` and `ys` alike: integer labels are an `Int32Array`, or
 * `ndArray(labels, 'int32')`. Several values go by name, in a record; a list is one of several only if its elements are NdArrays.
 * Can be read any number of times.
 *
 * **Shapes**: a sample's shape is that of the value without its first axis; one scalar per sample has shape `[]`.
 * **Memory**: samples are views of the arrays given, not copies: who changes an array changes the samples. Nested arrays are copied once.
 *
 * @example
 * ```ts
 * const batches = fromArrays({
 *   xs: { data: new Float32Array(100 * 784), shape: [100, 28, 28, 1] },
 *   ys: new Int32Array(100),
 * }).pipe(shuffle({ seed: 1 }), batch(32));
 * ```
 *
 * @param arrays - Inputs and labels of all samples.
 * @throws {@link ArgumentError} at once, if there is no sample, the counts differ, nesting is ragged, or a length does not fit its shape.
 */
export function fromArrays<Xs extends SamplesValues, Ys extends SamplesValues>(arrays: {
  readonly xs: Xs;
  readonly ys: Ys;
}): AsyncIterableX<Sample<OneOf<Xs>, OneOf<Ys>>> {
  const counts = new Map<string, number>();
  const xs = allSamples(arrays.xs, 'xs', counts);
  const ys = allSamples(arrays.ys, 'ys', counts);
  const [count = 0] = counts.values();
  if ([...counts.values()].some((other) => other !== count)) {
    const received = [...counts].map(([name, samples]) => `${name}: ${samples}`).join(', ');
    throw new ArgumentError(`fromArrays: every value must hold the same number of samples, received ${received}`);
  }
  if (count === 0) throw new ArgumentError('fromArrays: the arrays must hold at least 1 sample, received 0');

  return defer(async function* () {
    const oneXs = sampleOf(xs);
    const oneYs = sampleOf(ys);
    for (let i = 0; i < count; i += 1) yield { xs: oneXs(i) as OneOf<Xs>, ys: oneYs(i) as OneOf<Ys> };
  });
}

/** Every value as a checked NdArray in the same arrangement; notes how many samples each holds. */
function allSamples(values: SamplesValues, name: string, counts: Map<string, number>): SampleValues {
  const one = (value: unknown, label: string): NdArray => {
    const array = checked(value, `fromArrays: ${label}`);
    counts.set(label, array.shape[0]!);
    return array;
  };
  const isList = Array.isArray(values) && isNdArray(values[0]);
  if (isList) return (values as NdArray[]).map((value, i) => one(value, `${name}[${i}]`));
  if (!isRecord(values)) return one(values, name);
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, one(value, `${name}.${key}`)]));
}

function checked(value: unknown, label: string): NdArray {
  if (Array.isArray(value)) return toNdArray(value as NestedNumbers, 'float32', label);
  const array = isNdArray(value)
    ? value
    : { data: value as NdArray['data'], shape: [(value as NdArray['data'])?.length] };
  const { data, shape } = array;
  if (!(data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array)) {
    throw new ArgumentError(
      `${label} must be nested arrays of numbers, a Float32Array, Int32Array or Uint8Array, or { data, shape } with one of these, ` +
        `received ${nameOf(data)}`,
    );
  }
  if (
    shape.length === 0 ||
    !shape.every((length) => Number.isInteger(length) && length >= 0) ||
    sizeOf(shape) !== data.length
  ) {
    throw new ArgumentError(
      `${label} must have a shape that begins with the number of samples and holds its ${data.length} numbers, ` +
        `received ${dtypeOf(data)} [${shape.join(',')}]`,
    );
  }
  return array;
}

/** Gives the views of the i-th sample; all samples share their shapes. */
function sampleOf(values: SampleValues): (i: number) => SampleValues {
  const shapes = new Map<string | undefined, { shape: readonly number[]; size: number }>();
  mapValues(values, (value, key) => {
    const shape = value.shape.slice(1);
    shapes.set(key, { shape, size: sizeOf(shape) });
    return value;
  });
  return (i) =>
    mapValues(values, ({ data }, key) => {
      const { shape, size } = shapes.get(key)!;
      return { data: data.subarray(i * size, (i + 1) * size), shape };
    });
}
