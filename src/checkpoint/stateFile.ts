import * as v from 'valibot';

import { CheckpointError } from '../core/errors.js';
import { VERSION } from '../core/versions.js';
import { parseJson } from './parseJson.js';

/** The format that is written, and the only one that is read. */
const FORMAT = 2;
/** The files beside `state.json`. */
export const WEIGHTS = 'model.safetensors';
export const REST = 'state.safetensors';
export const STATE = 'state.json';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Sum = v.strictObject({ bytes: count, sha256: v.string() });
const Stage = v.strictObject({ data: v.optional(v.unknown()), arrays: v.array(v.string()) });
const State = v.strictObject({
  format: v.literal(FORMAT),
  versions: v.record(v.string(), v.string()),
  globalStep: count,
  microStep: count,
  epoch: count,
  stages: v.looseObject({}),
  files: v.strictObject({ [WEIGHTS]: Sum, [REST]: Sum }),
  sha256: v.string(),
});

/** How long a file is, and its checksum. */
export interface FileSum {
  readonly bytes: number;
  readonly sha256: string;
}
/** What of a stage is not in the other files. */
export interface StageState {
  readonly data?: unknown;
  readonly arrays: readonly string[];
}

/** What `state.json` says. */
export interface StateFile {
  readonly versions: Readonly<Record<string, string>>;
  readonly globalStep: number;
  readonly microStep: number;
  readonly epoch: number;
  readonly stages: readonly (readonly [name: string, stage: StageState])[];
  readonly files: { readonly [WEIGHTS]: FileSum; readonly [REST]: FileSum };
}

/** `state.json`: what a run held, then the checksum of all before it. */
export async function encodeState({ stages, ...rest }: StateFile): Promise<Uint8Array> {
  const text = JSON.stringify({ format: FORMAT, ...rest, stages: Object.fromEntries(stages) as object }, null, 1);
  const body = new TextEncoder().encode(text.slice(0, -END.length));
  const seal = new TextEncoder().encode(sealOf(await sha256(body)));
  const bytes = new Uint8Array(body.length + seal.length);
  bytes.set(body);
  bytes.set(seal, body.length);
  return bytes;
}

/**
 * What a `state.json` says.
 *
 * @throws {@link CheckpointError} (rejects) if it is not as it was written, or of another format.
 */
export async function decodeState(bytes: Uint8Array): Promise<StateFile> {
  const body = bytes.subarray(0, Math.max(0, bytes.length - SEAL.length));
  const seal = new TextDecoder().decode(bytes.subarray(body.length));
  if (seal !== sealOf(await sha256(body))) {
    if (seal.replace(/[\da-f]/g, '0') === SEAL.replace(/[\da-f]/g, '0'))
      throw new CheckpointError(`${STATE} must be as it was written, it has other bytes`);
    refuseOlder(bytes);
    throw new CheckpointError(`${STATE} must end with its checksum, it is cut off or has other bytes`);
  }
  return parseState(bytes);
}

/** What it says, whether or not the checksum is right. */
export function parseState(bytes: Uint8Array): StateFile {
  const json = parseJson(bytes, STATE) as { readonly format?: unknown; readonly stages?: object } | null;
  const format = json?.format;
  if (typeof format === 'number' && format > FORMAT)
    throw new CheckpointError(`a checkpoint must be of format ${FORMAT}, received ${format}: update gradstream`);
  const parsed = v.safeParse(State, json, { abortEarly: true });
  if (!parsed.success) throw new CheckpointError(`${STATE} must hold the run's state: ${describe(parsed.issues[0])}`);
  const { format: _format, sha256: _sum, stages: _stages, ...rest } = parsed.output;
  const { gradstream = VERSION } = rest.versions;
  if (majorOf(gradstream) > majorOf(VERSION))
    throw new CheckpointError(
      `a checkpoint must be of gradstream ${VERSION}, received ${gradstream}: update gradstream`,
    );
  // By hand, since valibot leaves out names such as constructor.
  const stages = Object.entries(json!.stages!).map(([name, stage]): [string, StageState] => {
    const own = v.safeParse(Stage, stage, { abortEarly: true });
    if (own.success) return [name, own.output];
    throw new CheckpointError(`${STATE} must hold what ${name} has saved: ${describe(own.issues[0])}`);
  });
  return { ...rest, stages };
}

/** The checksum of bytes, as `sha256sum` prints it. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const END = '\n}';

function sealOf(sum: string): string {
  return `,\n "sha256": "${sum}"${END}`;
}

const SEAL = sealOf('0'.repeat(64));

function refuseOlder(bytes: Uint8Array): void {
  if (new TextDecoder().decode(bytes.subarray(0, 16)).startsWith('{\n "format": 1,'))
    throw new CheckpointError(`a checkpoint must be of format ${FORMAT}, received 1, which no release has written`);
}

function describe(issue: v.BaseIssue<unknown>): string {
  return `${v.getDotPath(issue) ?? 'it'}: ${issue.message}`;
}

function majorOf(version: string): number {
  return Number.parseInt(version, 10) || 0;
}
