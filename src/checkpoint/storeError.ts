/** A store of checkpoints that failed, not the checkpoint: the disk is full, the server away. `cause` is what the system said; trying again may help. */
export class StoreError extends Error {
  override readonly name = 'StoreError';

  constructor(
    message: string,
    /** Which store, and where it keeps things. */
    readonly store: string,
    /** The name of the checkpoint; undefined if they were to be listed. */
    readonly checkpoint: string | undefined,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
