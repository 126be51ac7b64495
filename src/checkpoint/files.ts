import { CheckpointError } from '../core/errors.js';
import type { NdArray } from '../core/batch.js';
import type { Checkpoint, Held, Json } from '../core/snapshot.js';
import { packed, unpacked } from './packed.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';
import { decodeState, encodeState, REST, sha256, STATE, WEIGHTS, type FileSum, type StageState } from './stateFile.js';
import type { Files } from './store.js';

/**
 * A checkpoint as files: `model.safetensors` with the weights by the names of their variables, `state.safetensors` with what else are arrays, such as
 * `optimizerStep:first/dense/kernel`, and `state.json` with the rest: counts, what the run was told, versions, checksums.
 *
 * **Memory**: one copy of all arrays.
 *
 * @throws {@link CheckpointError} (rejects) if two arrays would have one name, or data is no plain data.
 */
export async function toFiles({ stages, versions = {}, ...counts }: Checkpoint): Promise<Files> {
  const entries = Object.entries(stages);
  const rest = entries.flatMap(([stage, { arrays = {} }]) =>
    stage === MODEL ? [] : Object.entries(arrays).map(([name, array]) => [restName(stage, name), array] as const),
  );
  const arrays = { [WEIGHTS]: modelOf(stages), [REST]: Object.fromEntries(rest) };
  if (Object.keys(arrays[REST]).length < rest.length)
    throw new CheckpointError('toFiles: arrays of two stages must not have the same name');
  const files = { [WEIGHTS]: encodeSafetensors(arrays[WEIGHTS]), [REST]: encodeSafetensors(arrays[REST]) };
  const described = entries.map(([stage, { data, arrays: own = {} }]): [string, StageState] => [
    stage,
    { ...(data !== undefined && { data: packed(data) }), arrays: Object.keys(own) },
  ]);
  const sums = { [WEIGHTS]: await sumOf(files[WEIGHTS]), [REST]: await sumOf(files[REST]) };
  return { ...files, [STATE]: await encodeState({ versions, ...counts, stages: described, files: sums }) };
}

/**
 * The checkpoint that was made into files, which may come from anywhere: nothing in them is run, and all of it is checked.
 *
 * @throws {@link CheckpointError} (rejects) if a file is missing or not what was written, or of a newer format.
 */
export async function fromFiles(files: Files): Promise<Checkpoint> {
  const { stages, files: sums, ...rest } = await decodeState(fileOf(files, STATE));
  const [weights, others] = [await arraysIn(files, WEIGHTS, sums[WEIGHTS]), await arraysIn(files, REST, sums[REST])];
  const held = stages.map(([stage, { data, arrays }]): [string, Held] => {
    const own = arrays.map((name) => {
      const array = stage === MODEL ? take(weights, name) : take(others, restName(stage, name));
      if (!array) throw new CheckpointError(`a checkpoint must hold '${name}' of ${stage}, once`);
      return [name, array] as const;
    });
    return [stage, { ...(data !== undefined && { data: unpacked(data as Json) }), arrays: Object.fromEntries(own) }];
  });
  const [left] = [...weights.keys(), ...others.keys()];
  if (left !== undefined)
    throw new CheckpointError(`a checkpoint must hold what a stage has saved, '${left}' is of none`);
  return { ...rest, stages: Object.fromEntries(held) };
}

/** The stage whose arrays are the weights. */
const MODEL = 'model';

function modelOf(stages: Checkpoint['stages']): Readonly<Record<string, NdArray>> {
  return (Object.hasOwn(stages, MODEL) && stages[MODEL]!.arrays) || {};
}

function restName(stage: string, array: string): string {
  return `${stage}:${array}`;
}

async function sumOf(bytes: Uint8Array): Promise<FileSum> {
  return { bytes: bytes.length, sha256: await sha256(bytes) };
}

async function arraysIn(files: Files, name: string, sum: FileSum): Promise<Map<string, NdArray>> {
  const bytes = fileOf(files, name);
  if (bytes.length !== sum.bytes) {
    const how = bytes.length < sum.bytes ? ': it is cut off' : '';
    throw new CheckpointError(`${name} must have ${sum.bytes} bytes, it has ${bytes.length}${how}`);
  }
  if ((await sha256(bytes)) !== sum.sha256)
    throw new CheckpointError(`${name} must be as it was written, it has other bytes`);
  try {
    return new Map(Object.entries(decodeSafetensors(bytes)));
  } catch (cause) {
    throw new CheckpointError(`${name}: ${(cause as Error).message}`, { cause });
  }
}

function fileOf(files: Files, name: string): Uint8Array {
  const bytes = Object.hasOwn(files, name) ? files[name] : undefined;
  if (bytes instanceof Uint8Array) return bytes;
  throw new CheckpointError(`a checkpoint must have the file ${name}`);
}

function take(arrays: Map<string, NdArray>, name: string): NdArray | undefined {
  const array = arrays.get(name);
  arrays.delete(name);
  return array;
}
