/** Something that a run has changed by itself. */
export interface RunChange {
  /** The optimizer step from which on it counts. */
  readonly globalStep: number;
  readonly epoch: number;
  readonly what: string;
  readonly from: number;
  readonly to: number;
}
