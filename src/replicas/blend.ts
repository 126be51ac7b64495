import type { Averaged } from '../core/collective.js';

/** Makes the total total·share + term·weight, number by number; each product is a number of the buffer's own type, as it is where MPI multiplies. */
export function blend(total: Averaged, share: number, term: Averaged, weight: number): void {
  if (total instanceof Float32Array) {
    const { fround } = Math;
    for (let i = 0; i < total.length; i += 1) total[i] = fround(total[i]! * share) + fround(term[i]! * weight);
  } else {
    for (let i = 0; i < total.length; i += 1) total[i] = total[i]! * share + term[i]! * weight;
  }
}
