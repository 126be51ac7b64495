import type { NdArray } from '../core/batch.js';
import { ArgumentError } from '../core/errors.js';

/** The type of the numbers in an {@link NdArray}. */
export type DType = 'float32' | 'int32' | 'uint8';

/** A number, or arrays of them nested to any depth; the rows may be typed arrays. */
export type NestedNumbers = number | NdArray['data'] | readonly NestedNumbers[];

/**
 * Makes numbers on the host with a shape, from a number or nested arrays.
 *
 * Records of a CSV or JSONL file become samples with it.
 *
 * ```text
 * 3                    float32 []        3
 * [1, 2, 3]            float32 [3]       1 2 3
 * [[1, 2], [3, 4]]     float32 [2,2]     1 2 3 4
 * ```
 *
 * The numbers become `dtype`, float32 unless it is given, whatever they look like: whole numbers do not turn into integers by themselves.
 * NaN and Infinity are numbers for float32. `[]` has shape `[0]`.
 *
 * **Shapes**: inferred from the first element at each depth; the others must have it, too.
 * **Memory**: copies the numbers.
 *
 * @example
 * ```ts
 * const samples = csv<{ x1: number; x2: number; label: number }>('points.csv').pipe(
 *   map((row) => ({ xs: ndArray([row.x1, row.x2]), ys: ndArray(row.label, 'int32') })),
 * );
 * ```
 *
 * @param values - A number, or nested arrays of numbers.
 * @param dtype - What they become.
 * @throws {@link ArgumentError} at once, if the nesting is ragged, something is no number, or a number does not fit `dtype`.
 */
export function ndArray(values: NestedNumbers, dtype: DType = 'float32'): NdArray {
  return toNdArray(values, dtype, 'ndArray: values');
}

/** {@link ndArray} under the name of whoever was given the numbers. */
export function toNdArray(values: NestedNumbers, dtype: DType, label: string): NdArray {
  const shape: number[] = [];
  for (let at: unknown = values; isRow(at); at = at[0]) shape.push(at.length);
  const data = emptyData(dtype, sizeOf(shape));
  const at: number[] = []; // the indices of the element in hand
  const where = (depth: number): string =>
    label +
    at
      .slice(0, depth)
      .map((i) => `[${i}]`)
      .join('');
  let filled = 0;

  const fill = (value: unknown, depth: number): void => {
    if (depth === shape.length) {
      if (typeof value !== 'number')
        throw new ArgumentError(`${where(depth)} must be a number, received ${nameOf(value)}`);
      data[filled] = value;
      if (dtype !== 'float32' && data[filled] !== value) {
        throw new ArgumentError(`${where(depth)} must be a whole number that fits ${dtype}, received ${value}`);
      }
      filled += 1;
      return;
    }
    if (!isRow(value) || value.length !== shape[depth]) {
      const received = isRow(value) ? value.length : nameOf(value);
      throw new ArgumentError(
        `${where(depth)} must hold ${shape[depth]} elements, as the first beside it, received ${received}`,
      );
    }
    for (let i = 0; i < value.length; i += 1) {
      at[depth] = i;
      fill(value[i], depth + 1);
    }
  };
  fill(values, 0);
  return { data, shape };
}

/** The type of the numbers in `data`. */
export function dtypeOf(data: NdArray['data']): DType {
  if (data instanceof Float32Array) return 'float32';
  return data instanceof Int32Array ? 'int32' : 'uint8';
}

/** A typed array of `length` zeros. */
export function emptyData(dtype: DType, length: number): NdArray['data'] {
  if (dtype === 'float32') return new Float32Array(length);
  return dtype === 'int32' ? new Int32Array(length) : new Uint8Array(length);
}

/** How many numbers a shape holds; 1 for a scalar's `[]`. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, length) => size * length, 1);
}

/** What an unexpected value is, for a message. */
export function nameOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'object' && value !== null
    ? `a value of type ${value.constructor?.name ?? 'Object'}`
    : String(value);
}

function isRow(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value);
}
