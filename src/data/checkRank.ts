import { ArgumentError, assertPositiveInteger } from '../core/errors.js';

/** Throws unless it is one of so many ranks. */
export function checkRank(label: string, rank: number, worldSize: number): void {
  assertPositiveInteger(worldSize, `${label}: worldSize`);
  if (!Number.isInteger(rank) || rank < 0 || rank >= worldSize) {
    throw new ArgumentError(
      `${label}: rank must be a whole number from 0 to ${worldSize - 1}, received ${String(rank)}`,
    );
  }
}
