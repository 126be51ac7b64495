import type * as tf from '@tensorflow/tfjs';

import { registerWrapped } from './native.js';

type Inputs = { readonly x: tf.Tensor; readonly indices: tf.Tensor };
type Attrs = { readonly axis: number; readonly batchDims: number };

/**
 * Makes gather look up without reading the indices back first, so that it neither stalls a GPU nor keeps a step from being compiled.
 *
 * TensorFlow itself refuses an index that is out of range on the CPU; on a GPU it gives zeros.
 */
export function registerGatherV2(library: typeof tf): void {
  registerWrapped<Inputs, Attrs>(library, 'GatherV2', ({ inputs: { x, indices }, attrs, backend }) => {
    const { axis, batchDims } = attrs;
    library.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, axis, batchDims); // throws if they do not fit
    const { TF_ATTR_INT, TF_ATTR_TYPE, TF_INT32 } = backend.binding;
    const attributes = [
      { name: 'batch_dims', type: TF_ATTR_INT, value: batchDims },
      { name: 'Tparams', type: TF_ATTR_TYPE, value: numberOf(backend.binding, x.dtype) },
      { name: 'Tindices', type: TF_ATTR_TYPE, value: TF_INT32 },
      { name: 'Taxis', type: TF_ATTR_TYPE, value: TF_INT32 },
    ];
    return library.tidy(() =>
      backend.executeSingleOutput('GatherV2', attributes, [x, indices, library.scalar(axis, 'int32')]),
    );
  });
}

/** TensorFlow's number of a type. */
function numberOf(binding: { readonly TF_FLOAT: number; readonly TF_INT32: number }, dtype: tf.DataType): number {
  const numbers: Partial<Record<tf.DataType, number>> = { float32: binding.TF_FLOAT, int32: binding.TF_INT32 };
  return numbers[dtype] ?? { bool: 10, complex64: 8, string: 7 }[dtype as 'bool' | 'complex64' | 'string'];
}
