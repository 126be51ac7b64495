import type * as tf from '@tensorflow/tfjs';

import { shaped, type Run } from './composed.js';

/** A dilated filter as an ordinary one, with zeros between its taps. */
export function spread(run: Run, filter: tf.TensorInfo, dilations: number | readonly number[] = 1): tf.TensorInfo {
  const [rows, columns] = (typeof dilations === 'number' ? [dilations, dilations] : dilations) as [number, number];
  if (rows === 1 && columns === 1) return filter;
  const [height, width, ...channels] = filter.shape as [number, number, number, number];
  const x = shaped(filter, [height, 1, width, 1, channels[0] * channels[1]]);
  const paddings = [
    [0, 0],
    [0, rows - 1],
    [0, 0],
    [0, columns - 1],
    [0, 0],
  ];
  const padded = shaped(run('PadV2', { x }, { paddings, constantValue: 0 }), [
    height * rows,
    width * columns,
    ...channels,
  ]);
  const size = [height * rows - rows + 1, width * columns - columns + 1, ...channels];
  return run('Slice', { x: padded }, { begin: [0, 0, 0, 0], size });
}
