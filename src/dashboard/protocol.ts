/** What the server and the page say to each other, all of it JSON; NaN and the infinities are null there. */

/** Columns over one axis of global steps. */
export interface Table {
  readonly steps: readonly number[];
  readonly columns: Readonly<Record<string, readonly (number | null)[]>>;
}

/** What happened at a step, in words. */
export interface Note {
  readonly globalStep: number;
  readonly kind: 'checkpoint' | 'skipped' | 'change' | 'end' | 'error';
  readonly text: string;
}

/** One event of a run, as it is sent while the run goes on. */
export type Row =
  | {
      readonly type: 'step';
      readonly globalStep: number;
      readonly values: Readonly<Record<string, number | null>>;
      /** The losses of the micro-batches that weigh something, in order. */
      readonly losses: readonly (number | null)[];
    }
  | {
      readonly type: 'validation';
      readonly globalStep: number;
      readonly values: Readonly<Record<string, number | null>>;
    }
  | ({ readonly type: 'note' } & Note);

/** Where a reader stands in a run: so many events of its `generation`, which changes whenever the run takes back what it has told. */
export interface Position {
  readonly generation: number;
  readonly count: number;
}

/** An average as far as it has come; the page goes on from there. */
export interface AverageState {
  readonly value: number;
  readonly share: number;
}

/** A run between two steps, with no more points than can be seen. */
export interface Series {
  /** Up to where it has been told; what comes live goes on from there. */
  readonly position: Position;
  /** Its last step. */
  readonly lastStep: number;
  readonly steps: Table;
  /** Every micro-batch loss, `microBatch` steps apart, as few as can be seen. */
  readonly microBatches: Table;
  readonly validation: Table;
  readonly notes: readonly Note[];
  readonly average: AverageState;
}

/** How a run stands. */
export type Status = 'waiting' | 'running' | 'paused' | 'ended' | 'failed' | 'stopped';

/** What can be done to a run. */
export const COMMANDS = ['pause', 'resume', 'step', 'stop', 'checkpoint', 'learningRate'] as const;
export type CommandName = (typeof COMMANDS)[number];

/** A control that has been used. */
export interface Command {
  readonly command: CommandName;
  /** The new learning rate. */
  readonly value?: number | undefined;
}

/** A run in the list of them. */
export interface RunInfo {
  readonly name: string;
  readonly status: Status;
  readonly lastStep: number;
  /** The controls that the run listens to. */
  readonly controls: readonly CommandName[];
  readonly learningRate?: number;
}

/** New events of one run, from a position on. */
export interface Rows {
  readonly run: string;
  readonly from: Position;
  readonly rows: readonly Row[];
}
