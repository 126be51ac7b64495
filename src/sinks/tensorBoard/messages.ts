import protobuf from 'protobufjs/light.js';

import { field, list } from '../messageFields.js';

/** Of these fields one is given, and written also if it is 0, false or empty. */
const oneof = (...names: string[]) => ({ oneofs: { value: { oneof: names } } });
const packed = (type: string, id: number) => ({ ...list(type, id), options: { packed: true } });

/**
 * What event files are made of, as far as it is written here: tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto, and
 * tensorboard/plugins/hparams/plugin_data.proto.
 */
const MESSAGES = {
  Event: {
    fields: {
      wallTime: field('double', 1),
      step: field('int64', 2),
      fileVersion: field('string', 3),
      summary: field('Summary', 5),
      sessionLog: field('SessionLog', 7),
    },
  },
  /** Of an event, where it stands. */
  Place: { fields: { step: field('int64', 2), summary: field('Tags', 5) } },
  Tags: { fields: { value: list('Tag', 1) } },
  Tag: { fields: { tag: field('string', 1) } },
  SessionLog: { fields: { status: field('int32', 1) } },
  Summary: { fields: { value: list('Value', 1) } },
  Value: {
    ...oneof('simpleValue', 'histo', 'tensor'),
    fields: {
      tag: field('string', 1),
      simpleValue: field('float', 2),
      histo: field('Histogram', 5),
      tensor: field('Tensor', 8),
      metadata: field('Metadata', 9),
    },
  },
  Histogram: {
    fields: {
      min: field('double', 1),
      max: field('double', 2),
      num: field('double', 3),
      sum: field('double', 4),
      sumSquares: field('double', 5),
      bucketLimit: packed('double', 6),
      bucket: packed('double', 7),
    },
  },
  Metadata: { fields: { pluginData: field('PluginData', 1), dataClass: field('int32', 4) } },
  PluginData: { fields: { pluginName: field('string', 1), content: field('bytes', 2) } },
  Tensor: {
    fields: {
      dtype: field('int32', 1),
      tensorShape: field('Shape', 2),
      floatVal: packed('float', 5),
      stringVal: list('bytes', 8),
    },
  },
  Shape: { fields: { dim: list('Dim', 2) } },
  Dim: { fields: { size: field('int64', 1) } },
  HParams: { fields: { version: field('int32', 1), start: field('Start', 3), end: field('End', 4) } },
  Start: {
    fields: {
      hparams: { keyType: 'string', type: 'Hyper', id: 1 },
      startTimeSecs: field('double', 5),
    },
  },
  Hyper: {
    ...oneof('numberValue', 'stringValue', 'boolValue'),
    fields: { numberValue: field('double', 2), stringValue: field('string', 3), boolValue: field('bool', 4) },
  },
  End: { fields: { status: field('int32', 1), endTimeSecs: field('double', 2) } },
};

const root = protobuf.Root.fromJSON({ nested: MESSAGES });
const [Event, Place, HParams] = ['Event', 'Place', 'HParams'].map((name) => root.lookupType(name)) as [
  protobuf.Type,
  protobuf.Type,
  protobuf.Type,
];

/** A tensor of strings, as bytes, or of floats. */
export interface TensorMessage {
  readonly dtype: number;
  readonly tensorShape: { readonly dim: readonly { readonly size: number }[] };
  readonly floatVal?: readonly number[];
  readonly stringVal?: readonly Uint8Array[];
}

/** One value of one tag. */
export interface ValueMessage {
  readonly tag: string;
  readonly simpleValue?: number;
  readonly histo?: Readonly<Record<string, number | readonly number[]>>;
  readonly tensor?: TensorMessage;
  readonly metadata?: {
    readonly pluginData: { readonly pluginName: string; readonly content?: Uint8Array };
    readonly dataClass?: number;
  };
}

/** What one record of an event file says. */
export interface EventMessage {
  readonly wallTime: number;
  readonly step?: number;
  readonly fileVersion?: string;
  readonly summary?: { readonly value: readonly ValueMessage[] };
  readonly sessionLog?: { readonly status: number };
}

/** What the hparams plugin is told: how a session began, or how it ended. */
export type HParamsMessage =
  | { readonly start: { readonly hparams: object; readonly startTimeSecs: number } }
  | { readonly end: { readonly status: number; readonly endTimeSecs: number } };

export function encodeEvent(event: EventMessage): Uint8Array {
  return Event.encode(event).finish();
}

export function encodeHParams(message: HParamsMessage): Uint8Array {
  return HParams.encode(message).finish();
}

/** The step of an event, and its first tag, if it has one. */
export function placeOf(event: Uint8Array): { readonly step: number; readonly tag: string | undefined } {
  const place = Place.toObject(Place.decode(event), { longs: Number }) as {
    step?: number;
    summary?: { value?: { tag: string }[] };
  };
  return { step: place.step ?? 0, tag: place.summary?.value?.[0]?.tag };
}
