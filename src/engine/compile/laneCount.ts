import { availableParallelism } from 'node:os';

import { samplesOf, type Batch } from '../../core/batch.js';
import type { Program } from './program.js';

/** So many products of two numbers take as long as it takes to set cores going and to wait for the last, several times over. */
const WORTH = 2 ** 24;
/** More cores have not been measured. */
const MOST = 8;

/** How many lanes a pass is worth: one for each core that TensorFlow may use, if the samples can be shared out evenly, or one. */
export function laneCount(batch: Batch, program: Program): number {
  const cores = Number(process.env['TF_NUM_INTRAOP_THREADS']) || availableParallelism();
  const shares = cores <= MOST && samplesOf(batch) % cores === 0 && typeof batch.weight !== 'object';
  return shares && productsOf(program) >= WORTH ? cores : 1;
}

/** The products of two numbers in the matrix products and convolutions of a pass. */
function productsOf({ nodes }: Program): number {
  return nodes.reduce((sum, { op, attr, shapes }) => {
    const { in: [left = [], right = []], out: [out = []] } = shapes!; // prettier-ignore
    if (op === 'BatchMatMulV2') {
      const turned = (attr['adj_x'] as { readonly b?: boolean } | undefined)?.b === true;
      return sum + size(out) * left.at(turned ? -2 : -1)!;
    }
    // A convolution's two gradients take as many each.
    return op === 'Conv2D' ? sum + 3 * size(out) * size(right.slice(0, -1)) : sum;
  }, 0);
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
