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

/** Options of {@link Collective.allReduceMean}. */
export interface ReduceOptions extends CollectiveOptions {
  /** What this rank's numbers count, at least 0: 1 unless given. Without weight they count nothing, NaN or not. */
  readonly weight?: number;
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
