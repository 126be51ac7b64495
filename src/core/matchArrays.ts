import type * as tf from '@tensorflow/tfjs';

import type { NdArray } from './batch.js';
import { CheckpointError } from './errors.js';
import { tensors } from './tensors.js';

/** What an array must be: a tensor's name and form. */
export interface Wanted {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
}

const TYPES = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;
/** How many names a message has of a kind. */
const MOST = 5;

/**
 * The arrays that are wanted, in that order, found by their names.
 *
 * @param label - Whose they are, for the message.
 * @throws {@link CheckpointError}, with the names of those that are missing, are there besides, or have another shape or type.
 */
export function matchArrays(
  wanted: readonly Wanted[],
  arrays: Readonly<Record<string, NdArray>>,
  label: string,
): NdArray[] {
  const names = new Set(wanted.map(({ name }) => name));
  const missing = [...names].filter((name) => !Object.hasOwn(arrays, name));
  const extra = Object.keys(arrays).filter((name) => !names.has(name));
  const other = wanted.filter((want) => Object.hasOwn(arrays, want.name) && !fits(arrays[want.name]!, want));
  if (missing.length + extra.length + other.length === 0) return wanted.map(({ name }) => arrays[name]!);
  const differs = other.map(({ name, shape, dtype }) => {
    const { data, shape: saved } = arrays[name]!;
    return `'${name}' (${dtype} [${shape}], saved as ${typeOf(data)} [${saved}])`;
  });
  const quoted = (list: readonly string[]): string[] => list.map((name) => `'${name}'`);
  const faults = [
    ...listed('it lacks', quoted(missing)),
    ...listed('it has besides', quoted(extra)),
    ...listed('of another form are', differs),
  ];
  const message = `${label}: the checkpoint must be of the same model and optimizer; ${faults.join('; ')}`;
  throw Object.assign(new CheckpointError(message), {
    names: [...missing, ...extra, ...other.map(({ name }) => name)],
  });
}

/** An array as a tensor, which the caller owns. */
export function tensorOf({ data, shape }: NdArray): tf.Tensor {
  return tensors().tensor(data, [...shape], typeOf(data) as tf.DataType & ('float32' | 'int32' | 'bool'));
}

function fits({ data, shape }: NdArray, want: Wanted): boolean {
  return shape.join() === want.shape.join() && typeOf(data) === want.dtype;
}

function typeOf(data: NdArray['data']): string {
  return Object.entries(TYPES).find(([, Type]) => data instanceof Type)?.[0] ?? 'unknown';
}

function listed(what: string, list: readonly string[]): string[] {
  if (list.length === 0) return [];
  const more = list.length > MOST ? ` and ${list.length - MOST} more` : '';
  return [`${what} ${list.slice(0, MOST).join(', ')}${more}`];
}
