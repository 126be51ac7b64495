/** A snapshot or checkpoint that a run cannot go on from: what it holds, and what the run has. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  /** The variables, or other arrays, at fault, where it is about them. */
  readonly names: readonly string[] = [];
}
