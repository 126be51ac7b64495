import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A field of a protocol buffer: its number, and its value as it lies there. */
type Fields = ReadonlyMap<number, readonly (bigint | Uint8Array)[]>;

/** What one tag has at one step: a number, a histogram, or strings (text, images). */
export type TagValue = number | readonly string[] | { readonly histo: readonly (readonly number[])[] };

/** What TensorBoard shows of a folder: by run, by tag, the steps with their values, in order. */
export type Shown = Record<string, Record<string, [step: number, value: TagValue][]>>;

/** The runs below a folder, read by a reader that shares no line with the writer. */
export function shownIn(folder: string, runs: readonly string[]): Shown {
  return Object.fromEntries(
    runs.flatMap((run) => {
      const tags = readRun(join(folder, run));
      return Object.keys(tags).length > 0 ? [[run, tags]] : [];
    }),
  );
}

/** A run's files in the order of their names; a START forgets the steps from its own on, but of tensors none, as TensorBoard's EventAccumulator does. */
function readRun(folder: string): Shown[string] {
  let tags: Shown[string] = {};
  if (!existsSync(folder)) return tags;
  const names = readdirSync(folder).filter((name) => name.includes('tfevents'));
  for (const name of names.sort()) {
    for (const bytes of recordsOf(readFileSync(join(folder, name)))) {
      const event = fieldsOf(bytes);
      const step = Number(event.get(2)?.[0] ?? 0n);
      if (event.has(7))
        tags = Object.fromEntries(
          Object.entries(tags)
            .map(([tag, all]) => [tag, all.filter(([at, value]) => at < step || Array.isArray(value))] as const)
            .filter(([, all]) => all.length > 0),
        );
      for (const summary of event.get(5) ?? []) {
        for (const each of fieldsOf(summary as Uint8Array).get(1) ?? []) {
          const value = fieldsOf(each as Uint8Array);
          const tag = textOf(value.get(1)![0]);
          (tags[tag] ??= []).push([step, valueOf(value)]);
        }
      }
    }
  }
  return tags;
}

/** The records of a file; a last one that is cut off is left out, a wrong checksum is an error. */
export function recordsOf(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const records: Uint8Array[] = [];
  for (let at = 0; at + 12 <= file.length;) {
    const length = Number(view.getBigUint64(at, true));
    if (at + length + 16 > file.length) break;
    const data = file.subarray(at + 12, at + 12 + length);
    if (view.getUint32(at + 8, true) !== masked(file.subarray(at, at + 8))) throw new Error(`length at ${at}`);
    if (view.getUint32(at + 12 + length, true) !== masked(data)) throw new Error(`data at ${at}`);
    records.push(data);
    at += length + 16;
  }
  return records;
}

function masked(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  const sum = BigInt(~crc >>> 0);
  const rotated = ((sum >> 15n) | (sum << 17n)) & 0xffffffffn;
  return Number((rotated + 0xa282ead8n) & 0xffffffffn);
}

function fieldsOf(bytes: Uint8Array): Fields {
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Uint8Array => bytes.subarray(at, (at += length));
  while (at < bytes.length) {
    const key = Number(varint());
    const kind = key & 7;
    const value = kind === 0 ? varint() : take(kind === 1 ? 8 : kind === 5 ? 4 : Number(varint()));
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}

function valueOf(value: Fields): TagValue {
  const [simple] = value.get(2) ?? [];
  if (simple) return viewOf(simple).getFloat32(0, true);
  const [histo] = value.get(5) ?? [];
  if (histo) {
    const fields = fieldsOf(histo as Uint8Array);
    return { histo: [1, 2, 3, 4, 5, 6, 7].map((n) => (fields.get(n) ?? []).flatMap(doublesOf)) };
  }
  const tensor = fieldsOf(value.get(8)![0] as Uint8Array);
  const [metadata] = value.get(9) ?? [];
  const [plugin] = metadata ? (fieldsOf(metadata as Uint8Array).get(1) ?? []) : [];
  const name = plugin ? textOf(fieldsOf(plugin as Uint8Array).get(1)![0]) : '';
  const bytes = (tensor.get(8) ?? []) as Uint8Array[];
  return [name, ...bytes.map((each) => Buffer.from(each).toString(name === 'text' ? 'utf8' : 'base64'))];
}

function doublesOf(bytes: bigint | Uint8Array): number[] {
  const view = viewOf(bytes);
  return Array.from({ length: view.byteLength / 8 }, (_, i) => view.getFloat64(i * 8, true));
}

function viewOf(bytes: bigint | Uint8Array): DataView {
  const { buffer, byteOffset, length } = bytes as Uint8Array;
  return new DataView(buffer, byteOffset, length);
}

function textOf(bytes: bigint | Uint8Array | undefined): string {
  return Buffer.from(bytes as Uint8Array).toString('utf8');
}
