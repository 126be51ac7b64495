import type { Averaged } from '../../core/collective.js';

/** So many factors stay in the processor's cache. */
const FACTOR_BYTES = 1 << 18;

/** A buffer in parts of so many bytes. */
export function cut(buffer: Averaged, bytes: number): Averaged[] {
  const length = Math.min(buffer.length, bytes / buffer.BYTES_PER_ELEMENT);
  return Array.from({ length: Math.ceil(buffer.length / length) }, (_, i) =>
    buffer.subarray(i * length, (i + 1) * length),
  );
}

/**
 * What MPI is to multiply by what, for a part of a buffer: parts of it, each by as many factors or fewer than those that come with it.
 *
 * It has vector instructions for that, which a loop in JavaScript has not: 20 MiB take 3 ms instead of 10 to 15.
 */
export function scaling(buffer: Averaged, factor: number): (part: Averaged) => [factors: Averaged, part: Averaged][] {
  const factors = buffer.slice(0, FACTOR_BYTES / buffer.BYTES_PER_ELEMENT).fill(factor);
  return (part) => (factor === 1 ? [] : cut(part, FACTOR_BYTES).map((each) => [factors, each]));
}
