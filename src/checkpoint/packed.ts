import { CheckpointError } from '../core/errors.js';
import type { Json } from '../core/snapshot.js';
import { DEEPEST } from './parseJson.js';

/** What JSON has no number for. */
const SPECIAL = ['NaN', 'Infinity', '-Infinity', '-0'];

/**
 * Plain data as JSON keeps it: NaN, the infinities and −0 go as `{ "number": "NaN" }`, and what looks like that itself as `{ "number": [ … ] }`.
 *
 * @throws {@link CheckpointError} for data that is nested too deep, or in itself.
 */
export function packed(data: Json, depth = 0): Json {
  if (depth > DEEPEST / 4)
    throw new CheckpointError(`a checkpoint's data must be nested ${DEEPEST / 4} deep at most; does it hold itself?`);
  if (typeof data === 'number') {
    const special = Object.is(data, -0) ? '-0' : String(data);
    return SPECIAL.includes(special) ? { number: special } : data;
  }
  const inside = mapped(data, (part) => packed(part, depth + 1));
  return looksPacked(inside) ? { number: [inside.number] } : inside;
}

/**
 * The data again.
 *
 * @throws {@link CheckpointError} if it is not as {@link packed} makes it.
 */
export function unpacked(data: Json): Json {
  if (!looksPacked(data)) return mapped(data, unpacked);
  const { number } = data;
  if (typeof number === 'string' && SPECIAL.includes(number)) return Number(number);
  if (Array.isArray(number) && number.length === 1) return { number: unpacked(number[0] as Json) };
  throw new CheckpointError(`a checkpoint must hold a number, it has ${JSON.stringify(number)}`);
}

function looksPacked(data: Json): data is { readonly number: Json } {
  return isObject(data) && Object.keys(data).length === 1 && Object.hasOwn(data, 'number');
}

function mapped(data: Json, change: (data: Json) => Json): Json {
  if (Array.isArray(data)) return (data as readonly Json[]).map(change);
  if (!isObject(data)) return data;
  const entries = Object.entries(data).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([key, value]) => [key, change(value)]));
}

function isObject(data: Json): data is { readonly [name: string]: Json } {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}
