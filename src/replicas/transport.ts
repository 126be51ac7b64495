import type { Averaged } from '../core/collective.js';

/** How bytes get from rank to rank, one operation at a time; what is to be checked has been checked. */
export interface Transport {
  readonly rank: number;
  readonly worldSize: number;
  readonly localRank: number;
  /** Every rank's bytes, by rank: as many from each. */
  gather(bytes: Uint8Array<ArrayBuffer>, timeoutMs: number): Promise<Uint8Array[]>;
  /** Cuts the bytes into a part for each rank, of the same length; gives the parts that all ranks have for this one, by rank. */
  exchange(bytes: Uint8Array<ArrayBuffer>, timeoutMs: number): Promise<Uint8Array[]>;
  /** The sum over the ranks of the buffers, each times its share, in place; the same bits on every rank. */
  sum(buffer: Averaged, share: number, timeoutMs: number): Promise<void>;
  broadcast(bytes: Uint8Array, root: number, timeoutMs: number): Promise<void>;
  close(timeoutMs: number): Promise<void>;
  abort(reason: string): void;
}
