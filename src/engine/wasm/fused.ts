import type * as tf from '@tensorflow/tfjs';

import { registerComposed, shaped, type Wasm } from './composed.js';
import { packsAs } from './product.js';

type Inputs = Record<string, tf.TensorInfo> & { bias?: tf.TensorInfo; preluActivationWeights?: tf.TensorInfo };
type Attrs = {
  activation: string;
  leakyreluAlpha?: number;
  dataFormat?: 'NHWC' | 'NCHW';
  transposeA?: boolean;
  transposeB?: boolean;
};

const UNFUSED = { FusedConv2D: 'Conv2D', FusedDepthwiseConv2D: 'DepthwiseConv2dNative', _FusedMatMul: 'BatchMatMul' };
const ACTIVATIONS: Readonly<Record<string, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  sigmoid: 'Sigmoid',
  leakyrelu: 'LeakyRelu',
};

/**
 * Makes wasm's fused kernels take what they refuse or do slowly, step by step: a bias that is no vector, or a view of none; channels first; a product
 * of transposed factors or of batches.
 */
export function registerFused(library: typeof tf): void {
  for (const [fused, kernel] of Object.entries(UNFUSED)) {
    const { kernelFunc } = library.getKernel(fused, 'wasm');
    registerComposed<Inputs, Attrs>(library, fused, (inputs, { run, wasm, attrs }) => {
      if (!mustSplit(inputs, attrs, wasm))
        return kernelFunc({ inputs, backend: wasm, attrs: attrs as never }) as tf.TensorInfo;
      const { bias, preluActivationWeights: alpha, ...operands } = inputs;
      // With channels first a vector stands for channels, not for columns.
      const first = attrs.dataFormat === 'NCHW';
      const along = (vector: tf.TensorInfo): tf.TensorInfo =>
        first && vector.shape.length === 1 && vector.shape[0] !== 1 ? shaped(vector, [...vector.shape, 1, 1]) : vector;
      let x = run(kernel, operands as Record<string, tf.TensorInfo>, attrs);
      if (bias) x = run('Add', { a: x, b: along(bias) });
      if (attrs.activation === 'prelu') {
        const positive = run('Relu', { x });
        const negative = run('Sub', { a: x, b: positive });
        return run('Add', { a: positive, b: run('Multiply', { a: negative, b: along(alpha!) }) });
      }
      const activation = ACTIVATIONS[attrs.activation];
      return activation ? run(activation, { x }, { alpha: attrs.leakyreluAlpha }) : x;
    });
  }
}

function mustSplit({ a, b, bias }: Inputs, { dataFormat, transposeA, transposeB }: Attrs, wasm: Wasm): boolean {
  // The shipped kernels ask for the rank of the data, which may once have had another shape.
  const ranks = bias ? [bias.shape.length, wasm.dataIdMap.get(bias.dataId).shape.length] : [1];
  const batches = [a, b].some((factor) => (factor?.shape.slice(0, -2) ?? []).some((length) => length !== 1));
  return (
    ranks.some((rank) => rank !== 1) ||
    dataFormat === 'NCHW' ||
    !!transposeA ||
    !!transposeB ||
    batches ||
    (!!b && !packsAs(b, ...(b.shape.slice(-2) as [number, number])))
  );
}
