import { ArgumentError } from '../core/errors.js';

/** Throws unless `value` is a finite number of at least 0: a learning rate, a rate of decay. */
export function assertRate(value: number, label: string): void {
  if (!(value >= 0) || value === Infinity) {
    throw new ArgumentError(`${label} must be a number of at least 0, received ${String(value)}`);
  }
}

/** Throws unless `value` is at least 0 and below 1, as the device will have it, too: what a decaying sum keeps of itself. */
export function assertKept(value: number, label: string): void {
  if (!(value >= 0) || Math.fround(value) >= 1) {
    throw new ArgumentError(`${label} must be at least 0 and below 1 in single precision, received ${String(value)}`);
  }
}

/** Throws unless `value` holds two numbers that {@link assertKept} takes. */
export function assertBetas(value: readonly [number, number], label: string): void {
  if (!Array.isArray(value) || value.length !== 2) {
    throw new ArgumentError(`${label} must be two numbers, received ${String(value)}`);
  }
  value.forEach((beta, i) => assertKept(beta, `${label}[${i}]`));
}
