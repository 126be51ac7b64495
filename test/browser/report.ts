/** What a page tells of a run. */
export interface Report {
  readonly about: string;
  readonly why: string;
  readonly backend: string;
  readonly types: readonly string[];
  readonly losses: readonly number[];
  readonly tensorsLeft: number;
  readonly handlesLeft: number;
  /** Whether the tab was hidden when the run began, and when it ended. */
  readonly hidden: readonly [boolean, boolean];
  readonly ms: number;
  /** How often a timer of 10 ms fired during the run, and the longest that it had to wait. */
  readonly ticks: number;
  readonly longestGapMs: number;
}
