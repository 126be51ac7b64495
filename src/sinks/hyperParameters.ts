import { ArgumentError } from '../core/errors.js';

/** Hyper-parameters as plain data; what is in an object is named with dots: `optimizer.learningRate`. */
export interface HyperParameters {
  readonly [name: string]: string | number | boolean | null | readonly unknown[] | HyperParameters | undefined;
}

/** What is no object: numbers and the like, and whole arrays. */
export type Leaf = string | number | boolean | null | readonly unknown[];

/**
 * All leaves by their dotted names; undefined is left out.
 *
 * @throws {@link ArgumentError}, beginning with `label`, if one is no plain data.
 */
export function leavesOf(given: HyperParameters, label: string, prefix = ''): [string, Leaf][] {
  return Object.entries(given).flatMap(([key, value]): [string, Leaf][] => {
    const name = prefix + key;
    if (value === undefined) return [];
    if (value === null || Array.isArray(value) || ['string', 'number', 'boolean'].includes(typeof value))
      return [[name, value as Leaf]];
    const prototype: unknown = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined;
    if (prototype !== Object.prototype && prototype !== null)
      throw new ArgumentError(
        `${label} must be numbers, strings, booleans, arrays and objects of these, received ${kindOf(value)} as ${name}`,
      );
    return leavesOf(value as HyperParameters, label, `${name}.`);
  });
}

/** The same as JSON, in which NaN and the infinities are strings. */
export function jsonOf(given: unknown, space = 0): string {
  const told = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  return JSON.stringify(given, told, space);
}

function kindOf(value: unknown): string {
  return typeof value === 'object' ? (value as object).constructor.name : typeof value;
}
