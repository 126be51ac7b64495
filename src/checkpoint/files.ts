import * as v from 'valibot';

import type { NdArray } from '../core/batch.js';
import { CheckpointError } from '../core/errors.js';
import type { Checkpoint, Held, Json } from '../core/snapshot.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';
import type { Files } from './store.js';

/** The newest format that is read, and the one that is written. */
const FORMAT = 1;
const WEIGHTS = 'model.safetensors';
const REST = 'state.safetensors';
const STATE = 'state.json';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const State = v.object({
  format: v.number(),
  globalStep: count,
  microStep: count,
  epoch: count,
  stages: v.record(v.string(), v.object({ data: v.optional(v.unknown()), arrays: v.array(v.string()) })),
  /** Of the other files, by name. */
  sha256: v.record(v.string(), v.string()),
});

/**
 * A checkpoint as files: `model.safetensors` with the weights by the names of their variables, `state.safetensors` with what else are arrays, `state.json`.
 *
 * **Memory**: one copy of all arrays.
 */
export async function toFiles({ stages, ...counts }: Checkpoint): Promise<Files> {
  const rest = Object.entries(stages).flatMap(([stage, { arrays = {} }]) =>
    stage === 'model' ? [] : Object.entries(arrays).map(([name, array]) => [`${stage}:${name}`, array] as const),
  );
  const files = {
    [WEIGHTS]: encodeSafetensors(stages['model']?.arrays ?? {}),
    [REST]: encodeSafetensors(Object.fromEntries(rest)),
  };
  const sums = Object.entries(files).map(async ([name, bytes]) => [name, await sha256(bytes)] as const);
  const described = Object.entries(stages).map(([stage, { data, arrays = {} }]) => [
    stage,
    { ...(data !== undefined && { data: packed(data) }), arrays: Object.keys(arrays) },
  ]);
  const state = {
    format: FORMAT,
    ...counts,
    stages: Object.fromEntries(described) as object,
    sha256: Object.fromEntries(await Promise.all(sums)),
  };
  return { ...files, [STATE]: new TextEncoder().encode(JSON.stringify(state, null, 1)) };
}

/**
 * The checkpoint that was made into files.
 *
 * @throws {@link CheckpointError} (rejects) if a file is missing or not what was written, or of a newer format.
 */
export async function fromFiles(files: Files): Promise<Checkpoint> {
  const { format: _, stages, sha256: sums, ...counts } = stateOf(files);
  for (const [name, sum] of Object.entries(sums)) {
    const bytes = files[name];
    if (!bytes) throw new CheckpointError(`a checkpoint must have the file ${name}`);
    if ((await sha256(bytes)) !== sum)
      throw new CheckpointError(`a checkpoint must be as it was written, ${name} has other bytes`);
  }
  const arrays = { weights: arraysIn(files, WEIGHTS), rest: arraysIn(files, REST) };
  const held = Object.entries(stages).map(([stage, { data, arrays: names }]): [string, Held] => {
    const arrayOf = (name: string): NdArray | undefined =>
      stage === 'model' ? arrays.weights[name] : arrays.rest[`${stage}:${name}`];
    const own = names.map((name) => {
      const array = arrayOf(name);
      if (!array) throw new CheckpointError(`a checkpoint must hold '${name}' of ${stage}`);
      return [name, array] as const;
    });
    return [stage, { ...(data !== undefined && { data: unpacked(data as Json) }), arrays: Object.fromEntries(own) }];
  });
  return { ...counts, stages: Object.fromEntries(held) };
}

function stateOf(files: Files): v.InferOutput<typeof State> {
  const bytes = files[STATE];
  if (!bytes) throw new CheckpointError(`a checkpoint must have the file ${STATE}`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CheckpointError(`a checkpoint must have JSON in ${STATE}`, { cause });
  }
  const format = (json as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format > FORMAT)
    throw new CheckpointError(
      `a checkpoint must be of format ${FORMAT} at most, received ${format}: update gradstream`,
    );
  const parsed = v.safeParse(State, json);
  if (parsed.success) return parsed.output;
  throw new CheckpointError(`a checkpoint must have the run's state in ${STATE}: ${parsed.issues[0].message}`);
}

function arraysIn(files: Files, name: string): Record<string, NdArray> {
  return decodeSafetensors(files[name] ?? new Uint8Array());
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** JSON has no NaN and no Infinity; they go as `{ "number": "NaN" }`. */
function packed(data: Json): Json {
  if (typeof data === 'number' && !Number.isFinite(data)) return { number: String(data) };
  return mapped(data, packed);
}

function unpacked(data: Json): Json {
  const { number } = (data ?? {}) as { readonly number?: unknown };
  if (typeof number === 'string') return Number(number);
  return mapped(data, unpacked);
}

function mapped(data: Json, change: (data: Json) => Json): Json {
  if (Array.isArray(data)) return (data as readonly Json[]).map(change);
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(Object.entries(data as Record<string, Json>).map(([key, value]) => [key, change(value)]));
}
