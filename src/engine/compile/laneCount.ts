import { availableParallelism } from 'node:os';

import type { Program } from './program.js';

/** So many products of two numbers for each sample: with some 32 samples, they take several times as long as it takes to set cores going and to wait for the last. */
const WORTH = 2 ** 19;
/** More cores have not been measured. */
const MOST = 8;

/** How many lanes a pass over samples is worth: one for each core that TensorFlow may use, or one. */
export function laneCount(program: Program, samples: number): number {
  const cores = Number(process.env['TF_NUM_INTRAOP_THREADS']) || availableParallelism();
  return cores <= MOST && productsOf(program) >= WORTH * samples ? cores : 1;
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
