import type * as tf from '@tensorflow/tfjs';

type Four = readonly [number, number, number, number];
type Attrs = Pick<tf.DepthwiseConv2dNativeAttrs, 'strides' | 'pad'> & {
  readonly dilations?: number | [number, number] | null;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
};

/** The sizes of a depthwise convolution; nothing if its strides differ: only oneDNN computes such a one, and TensorFlow may have left that out. */
export function depthwiseInfo(
  library: typeof tf,
  image: readonly number[],
  filter: readonly number[],
  { strides, dilations, pad, dimRoundingMode }: Attrs,
): tf.backend_util.Conv2DInfo | undefined {
  const info = library.backend_util.computeConv2DInfo(
    [...(image as Four)],
    [...(filter as Four)],
    strides,
    dilations ?? 1, // layers pass null
    pad,
    dimRoundingMode,
    true,
  );
  return info.strideHeight === info.strideWidth ? info : undefined;
}
