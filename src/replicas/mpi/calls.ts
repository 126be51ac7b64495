import type { LibraryHandle } from 'koffi';

import type { Averaged } from '../../core/collective.js';
import { abiOf } from './abi.js';
import { binder, number } from './bind.js';
import { callThread } from './callThread.js';
import type { Koffi } from './library.js';
import { cut, scaling } from './scaling.js';

/** The MPI functions that are used, on the world of all processes. Those that give a promise run in a thread for such calls; all else is over at once. */
export interface Mpi {
  /** Begins; undefined, if somebody has begun before. Otherwise whether calls may come from several threads at once. */
  init(): boolean | undefined;
  rank(): number;
  size(): number;
  finalize(): void;
  /** Kills every process of the job, this one too. */
  abort(code: number): void;
  /** Begins to gather; the function says whether it is done, and is to be asked until it is: that is when MPI works on it. */
  gatherSoon(bytes: Uint8Array, all: Uint8Array): () => boolean;
  gather(bytes: Uint8Array, all: Uint8Array): Promise<void>;
  /** The i-th part of `bytes` goes to rank i; `parts` becomes those that come. */
  exchange(bytes: Uint8Array, parts: Uint8Array): Promise<void>;
  /** Multiplies a buffer in place. */
  scale(buffer: Averaged, factor: number): void;
  sumSoon(buffer: Averaged): () => boolean;
  /** The sum of what the ranks have, each times its factor, so many bytes at a time: small pieces stay in the processor's cache from one to the other. */
  sum(buffer: Averaged, factor: number, pieceBytes: number): Promise<void>;
  broadcast(bytes: Uint8Array, root: number): Promise<void>;
  /** Sends a number to a rank, which need not wait for it. */
  tell(rank: number, value: number): void;
  /** A number that a rank has told, if one has come. */
  heard(): number | undefined;
}

/** The functions of a library, by its ABI. */
export function mpiCalls(koffi: Koffi, library: LibraryHandle): Mpi {
  const abi = abiOf(library);
  const { world, byte } = abi;
  const bind = binder(library, abi.handle);
  const thread = callThread(koffi);

  const initialized = bind('MPI_Initialized', '_Out_ int *flag');
  const init = bind('MPI_Init_thread', 'void *argc, void *argv, int required, _Out_ int *provided');
  const rank = bind('MPI_Comm_rank', 'HANDLE comm, _Out_ int *rank');
  const size = bind('MPI_Comm_size', 'HANDLE comm, _Out_ int *size');
  const finalize = bind('MPI_Finalize', '');
  const abort = bind('MPI_Abort', 'HANDLE comm, int code');
  const gatherArgs = 'const void *bytes, int n, HANDLE type, void *all, int each, HANDLE of, HANDLE comm';
  const iallgather = bind('MPI_Iallgather', `${gatherArgs}, void *request`);
  const allgather = bind('MPI_Allgather', gatherArgs);
  const alltoall = bind('MPI_Alltoall', gatherArgs);
  const reduceArgs = 'intptr_t inPlace, void *buffer, int n, HANDLE type, HANDLE sum, HANDLE comm';
  const allreduce = bind('MPI_Allreduce', reduceArgs);
  const iallreduce = bind('MPI_Iallreduce', `${reduceArgs}, void *request`);
  const reduceLocal = bind('MPI_Reduce_local', 'const void *factors, void *buffer, int n, HANDLE type, HANDLE product');
  const bcast = bind('MPI_Bcast', 'void *bytes, int n, HANDLE type, int root, HANDLE comm');
  const isend = bind('MPI_Isend', 'const void *bytes, int n, HANDLE type, int to, int tag, HANDLE comm, void *request');
  const iprobe = bind('MPI_Iprobe', 'int from, int tag, HANDLE comm, _Out_ int *flag, void *status');
  const receive = bind('MPI_Recv', 'void *bytes, int n, HANDLE type, int from, int tag, HANDLE comm, void *status');
  const test = bind('MPI_Test', 'void *request, _Out_ int *flag, void *status');

  const typeOf = (buffer: Averaged) => (buffer instanceof Float32Array ? abi.float : abi.double);
  const tag = 1;
  const status = Buffer.alloc(64); // larger than that of any ABI
  const sent: unknown[] = []; // must live until it has arrived, which nobody waits for
  /** Begins what is given a request; MPI knows the addresses of it and of `buffers` only, so they must live until it is done. */
  const soon = (begin: (request: Buffer) => void, ...buffers: unknown[]): (() => boolean) => {
    const request = Buffer.alloc(8);
    begin(request);
    const alive = [request, ...buffers] as const;
    return () => {
      const flag = [0];
      test.sync(alive[0], flag, status);
      return flag[0] !== 0;
    };
  };

  const multiplied = ([factors, part]: [Averaged, Averaged]) =>
    [factors, part, part.length, typeOf(part), abi.product] as const;

  return {
    init: () => {
      if (number(initialized) !== 0) return undefined;
      return number(init, null, null, abi.multiple) >= abi.multiple;
    },
    rank: () => number(rank, world),
    size: () => number(size, world),
    finalize: () => {
      thread.close();
      finalize.sync();
    },
    abort: (code) => abort.sync(world, code),
    gatherSoon: (bytes, all) =>
      soon(
        (request) => iallgather.sync(bytes, bytes.length, byte, all, bytes.length, byte, world, request),
        bytes,
        all,
      ),
    gather: (bytes, all) => thread.run([allgather.later(bytes, bytes.length, byte, all, bytes.length, byte, world)]),
    exchange: (bytes, parts) => {
      const each = bytes.length / number(size, world);
      return thread.run([alltoall.later(bytes, each, byte, parts, each, byte, world)]);
    },
    scale: (buffer, factor) => scaling(buffer, factor)(buffer).forEach((pair) => reduceLocal.sync(...multiplied(pair))),
    sumSoon: (buffer) =>
      soon(
        (request) => iallreduce.sync(abi.inPlace, buffer, buffer.length, typeOf(buffer), abi.sum, world, request),
        buffer,
      ),
    sum: (buffer, factor, pieceBytes) => {
      const scaled = scaling(buffer, factor);
      return thread.run(
        cut(buffer, pieceBytes).flatMap((piece) => [
          ...scaled(piece).map((pair) => reduceLocal.later(...multiplied(pair))),
          allreduce.later(abi.inPlace, piece, piece.length, typeOf(piece), abi.sum, world),
        ]),
      );
    },
    broadcast: (bytes, root) => thread.run([bcast.later(bytes, bytes.length, byte, root, world)]),
    tell: (to, value) => {
      const [message, request] = [Int32Array.of(value), Buffer.alloc(8)];
      sent.push(message, request);
      isend.sync(message, 4, byte, to, tag, world, request);
    },
    heard: () => {
      const flag = [0];
      iprobe.sync(abi.anySource, tag, world, flag, status);
      if (flag[0] === 0) return undefined;
      const message = new Int32Array(1);
      receive.sync(message, 4, byte, abi.anySource, tag, world, status);
      return message[0]!;
    },
  };
}
