import type { ObservableInput } from 'rxjs';

/** What is averaged: numbers that a mean can be written back into. */
export type Averaged = Float32Array | Float64Array;

/** How long one operation may take, and what ends it early. */
export interface CollectiveOptions {
  /** Rejects on every rank with 'aborted', naming this one, when the operation's turn comes. */
  readonly signal?: AbortSignal;
  /** Milliseconds that this rank waits for the others before all of them fail. */
  readonly timeoutMs?: number;
}

/** A format of 2 bytes a number: 'float16' keeps 3 digits of numbers from 6e-8 to 65504, 'bfloat16' 2 digits of all that a float32 can be. */
export type HalfFormat = 'float16' | 'bfloat16';

/** Numbers that travel with 2 bytes each. */
export interface Compression {
  readonly format: HalfFormat;
  /** What rounding has taken from this rank's numbers so far, a number for each: it is added to the next ones. Zeros at first; the collective writes it. */
  readonly lost: Float32Array;
}

/** Options of {@link Collective.allReduceMean}. */
export interface ReduceOptions extends CollectiveOptions {
  /** What this rank's numbers count, at least 0: 1 unless given. Without weight they count nothing, NaN or not. */
  readonly weight?: number;
  /** Half the traffic, for one Float32Array only. */
  readonly compress?: Compression;
}

/** R replicas that talk: every rank calls the same operations in the same order, and each waits for all. */
export interface Collective {
  readonly rank: number;
  readonly worldSize: number;
  /** The rank among those on this machine, by which a GPU is chosen. */
  readonly localRank: number;
  /** Makes each buffer Σ(weight·buffer) / Σ weight, in place; zeros where nobody has weight. Resolves to Σ weight. */
  allReduceMean(buffers: readonly Averaged[], options?: ReduceOptions): Promise<number>;
  /** Overwrites `buffer` with that of `root`, 0 unless given. */
  broadcast(buffer: ArrayBufferView, root?: number, options?: CollectiveOptions): Promise<void>;
  /** Every rank's bytes, by rank; they may differ in length. */
  allGather(bytes: Uint8Array, options?: CollectiveOptions): Promise<Uint8Array[]>;
  barrier(options?: CollectiveOptions): Promise<void>;
  /** Leaves when what was asked for before is done; a second call changes nothing. */
  close(): Promise<void>;
  /** Ends the others' waiting at once, with an error that names this rank. */
  abort(reason: string): void;
}

/** What `allReduce` needs of a collective; what answers may be anything that RxJS can subscribe to, so that a test's answers in virtual time. */
export interface Reduces extends Pick<Collective, 'rank' | 'worldSize'> {
  allGather(bytes: Uint8Array, options: CollectiveOptions): ObservableInput<readonly Uint8Array[]>;
  allReduceMean(buffers: readonly Averaged[], options: ReduceOptions): ObservableInput<number>;
}

/** Replicas that could not do something together; `ranks` are those at fault, as far as that is known. */
export class CollectiveError extends Error {
  override readonly name = 'CollectiveError';

  constructor(
    message: string,
    readonly reason: 'aborted' | 'closed' | 'died' | 'library' | 'mismatch' | 'timeout',
    readonly ranks: readonly number[],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
