/** A sink that threw, or took too long, while it was given an event or the end. */
export class SinkError extends Error {
  override readonly name = 'SinkError';
}
