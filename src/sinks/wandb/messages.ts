import protobuf from 'protobufjs/light.js';

import { field, list } from '../messageFields.js';

/** What a run's file is made of, as far as it is written here: `wandb_internal.proto` of W&B's client. */
const MESSAGES = {
  Record: {
    fields: {
      num: field('int64', 1),
      history: field('History', 2),
      summary: field('Items', 3),
      run: field('Run', 17),
      exit: field('Exit', 18),
      header: field('Header', 21),
    },
  },
  Header: { fields: { versionInfo: field('VersionInfo', 1) } },
  VersionInfo: { fields: { producer: field('string', 1), minConsumer: field('string', 2) } },
  Run: {
    fields: {
      runId: field('string', 1),
      project: field('string', 3),
      config: field('Items', 4),
      displayName: field('string', 8),
      tags: list('string', 10),
      startTime: field('Timestamp', 17),
    },
  },
  Timestamp: { fields: { seconds: field('int64', 1), nanos: field('int32', 2) } },
  History: { fields: { item: list('Item', 1), step: field('Step', 2) } },
  Step: { fields: { num: field('int64', 1) } },
  Items: { fields: { update: list('Item', 1) } },
  Item: { fields: { nestedKey: list('string', 2), valueJson: field('string', 16) } },
  Exit: { fields: { exitCode: field('int32', 1), runtime: field('int32', 2) } },
};

const Record = protobuf.Root.fromJSON({ nested: MESSAGES }).lookupType('Record');

/** A value by its name, as JSON; NaN and the infinities are as Python writes them. */
export interface ItemMessage {
  readonly nestedKey: readonly string[];
  readonly valueJson: string;
}

/** What one record says: one of these. Numbers that are 0 are left out. */
export interface RecordMessage {
  readonly header?: { readonly versionInfo: { readonly producer: string; readonly minConsumer: string } };
  readonly run?: {
    readonly runId: string;
    readonly project: string;
    readonly config: { readonly update: readonly ItemMessage[] };
    readonly displayName?: string;
    readonly tags: readonly string[];
    readonly startTime: { readonly seconds: number; readonly nanos?: number };
  };
  readonly history?: { readonly item: readonly ItemMessage[]; readonly step: { readonly num?: number } };
  readonly summary?: { readonly update: readonly ItemMessage[] };
  readonly exit?: { readonly exitCode?: number; readonly runtime?: number };
}

/** The `num`-th record of a file. */
export function encodeRecord(num: number, message: RecordMessage): Uint8Array {
  return Record.encode({ num, ...message } as object as protobuf.Message).finish();
}

export function decodeRecord(bytes: Uint8Array): RecordMessage {
  return Record.toObject(Record.decode(bytes), { longs: Number, arrays: true }) as RecordMessage;
}
