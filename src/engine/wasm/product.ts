import type * as tf from '@tensorflow/tfjs';

import type { Call, Wasm } from './composed.js';

type Multiply = (a: number, aShape: Uint8Array, b: number, bShape: Uint8Array, result: number) => void;

const compiled = new WeakMap<Wasm['wasm'], Multiply>();
/** The shape in which data was first a right factor: XNNPACK packs it then, and asks for nothing but the data when it comes again. */
const packedAs = new WeakMap<object, string>();

/** a·b of [batch, n, k] and [batch, k, m], each of them a product of its own on XNNPACK; a batch of one goes with every other. */
export function product(
  { make, wasm }: Pick<Call<unknown>, 'make' | 'wasm'>,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  [n, k, m]: readonly [number, number, number],
  [batchesOfA, batchesOfB]: readonly [number, number],
): tf.TensorInfo {
  const count = Math.max(batchesOfA, batchesOfB);
  const result = make([count, n, m]);
  const multiply = multiplier(wasm);
  // One right factor for all: the left ones are one tall matrix.
  const [steps, rows] = batchesOfB === 1 ? [1, batchesOfA * n] : [count, n];
  const shapes = [bytes([1, rows, k]), bytes([1, k, m])] as const;
  if (batchesOfB === 1 && packsAs(b, k, m)) {
    const [left, right, out] = [a, b, result].map(({ dataId }) => wasm.dataIdMap.get(dataId).id) as [
      number,
      number,
      number,
    ];
    multiply(left, shapes[0], right, shapes[1], out);
    return result;
  }
  for (let step = 0; step < steps; step++) {
    const parts = [
      part(wasm, a, step % batchesOfA, rows * k),
      part(wasm, b, step % batchesOfB, k * m),
      part(wasm, result, step, rows * m),
    ] as const;
    multiply(parts[0].id, shapes[0], parts[1].id, shapes[1], parts[2].id);
    parts.forEach(({ forget }) => forget());
  }
  return result;
}

/** Whether a right factor may be multiplied as a whole: it was never packed in another shape. */
export function packsAs({ dataId }: tf.TensorInfo, rows: number, columns: number): boolean {
  const shape = `${rows},${columns}`;
  if (!packedAs.has(dataId)) packedAs.set(dataId, shape);
  return packedAs.get(dataId) === shape;
}

/** A stretch of a tensor that goes by a number of its own, without a copy. */
function part(wasm: Wasm, whole: tf.TensorInfo, index: number, size: number): { id: number; forget: () => void } {
  const { memoryOffset } = wasm.dataIdMap.get(whole.dataId);
  const { dataId } = wasm.makeOutput([size], 'float32', memoryOffset + 4 * index * size);
  const { id } = wasm.dataIdMap.get(dataId);
  const forget = () => {
    // Not disposeData: the memory is not the part's to free.
    wasm.wasm.tfjs.disposeData(id);
    wasm.dataIdMap.delete(dataId);
  };
  return { id, forget };
}

function multiplier({ wasm }: Wasm): Multiply {
  const known = compiled.get(wasm);
  if (known) return known;
  const parameters = ['number', 'array', 'number', 'number', 'array', 'number', 'number', 'number', 'number'];
  const run = wasm.cwrap('BatchMatMul', null, parameters);
  const multiply: Multiply = (a, aShape, b, bShape, result) => run(a, aShape, 3, b, bShape, 3, 0, 0, result);
  compiled.set(wasm, multiply);
  return multiply;
}

function bytes(shape: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(shape).buffer);
}
