/** A field of a protobuf message, as protobufjs takes it. */
export const field = (type: string, id: number): Field => ({ type, id });
/** One that holds any number of values. */
export const list = (type: string, id: number): Field => ({ rule: 'repeated', type, id });

interface Field {
  readonly rule?: 'repeated';
  readonly type: string;
  readonly id: number;
}
