import { hostname } from 'node:os';
import { inspect } from 'node:util';

import { CollectiveError, type Collective } from '../core/collective.js';
import { collective } from './collective.js';
import { mpiCalls, type Mpi } from './mpi/calls.js';
import { launcher } from './mpi/launcher.js';
import { loadKoffi, loadLibrary } from './mpi/library.js';
import { patience } from './mpi/patience.js';

/** Options of {@link mpi}. */
export interface MpiOptions {
  /** The path or name of an MPI library; that of the launcher, unless given. */
  readonly library?: string;
  /** How many ranks there must be; what the launcher says, unless given. */
  readonly worldSize?: number;
}

/** More than this is gathered, or summed up, in a thread of its own: MPI is quicker there, but a thread that waits in MPI takes a core from what computes. */
const SMALL_BYTES = 1 << 12;
const SMALL_SUM_BYTES = 1 << 20;
/** What is summed up at a time on one machine, where memory is what takes time; between machines it would be the number of messages. */
const PIECE_BYTES = 1 << 20;
const START_MS = 60_000;
/** How often others are listened to while a thread is in MPI; it says itself when it is done, and would have to share MPI's lock. */
const LISTEN_MS = 10;

/**
 * This process's rank among those that `mpirun` or `srun` has started, to talk by MPI: on one machine or a thousand.
 *
 * ```text
 * mpirun -n 4 node train.js        every process: const collective = await mpi()
 * ```
 *
 * Works with Open MPI 4 and 5, MPICH (and Intel MPI), and every library with the standard's own ABI, through koffi, which must be installed. Calls leave the
 * event loop free. A process that ends without `close`, or whose `abort` is called, ends the whole job; so no rank waits for one that is gone.
 * Once in a process; not in worker threads. Start Node with `--initial-heap-size=256`, as `gradstream launch` does, where gradients are reduced often: what is
 * read of them is garbage, for which V8 would mark a small heap every few steps.
 *
 * @example
 * ```ts
 * const collective = await mpi();
 * const total = await collective.allReduceMean([Float32Array.of(collective.rank)]);
 * await collective.close();
 * ```
 *
 * @throws {@link CollectiveError} (rejects): 'library', if koffi or an MPI library is missing, its ABI is not known, or it does not let several threads call
 * it; 'mismatch', if there are not as many ranks as the launcher has started: each process would train by itself.
 */
export async function mpi({ library, worldSize: wanted }: MpiOptions = {}): Promise<Collective> {
  const by = launcher(process.env);
  const koffi = await loadKoffi();
  const calls = mpiCalls(koffi, loadLibrary(koffi, library, by));
  const begun = calls.init();
  if (begun === undefined) throw new CollectiveError('mpi: MPI can begin once in a process', 'library', []);
  const [rank, worldSize] = [calls.rank(), calls.size()];
  const left = abortAtExit(calls, rank, worldSize);
  const refuse = (message: string, reason: 'library' | 'mismatch'): never => {
    if (worldSize === 1) {
      left();
      calls.finalize();
    }
    throw new CollectiveError(message, reason, [rank]);
  };
  if (!begun) refuse('mpi: the MPI library must let several threads call it (MPI_THREAD_MULTIPLE)', 'library');
  const expected = wanted ?? by?.size ?? worldSize;
  if (worldSize !== expected) {
    const said = wanted === undefined ? `${by?.name} has started ${expected} processes` : `worldSize is ${expected}`;
    const remedy = 'is the library that of the launcher? With srun, see --mpi=list';
    refuse(`mpi: ${said}, and MPI must know as many, received ${worldSize}; ${remedy}`, 'mismatch');
  }

  const { begin, until, hasFailed } = patience(calls, rank, worldSize);
  const gather = async (bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array[]> => {
    const all = new Uint8Array(bytes.length * worldSize);
    if (bytes.length > SMALL_BYTES) await inThread(() => calls.gather(bytes, all), timeoutMs);
    else await asked(() => calls.gatherSoon(bytes, all), timeoutMs);
    return inParts(all);
  };
  const exchange = async (bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array[]> => {
    const parts = new Uint8Array(bytes.length);
    await inThread(() => calls.exchange(bytes, parts), timeoutMs);
    return inParts(parts);
  };
  const inParts = (all: Uint8Array): Uint8Array[] =>
    Array.from({ length: worldSize }, (_, i) =>
      all.subarray((i * all.length) / worldSize, ((i + 1) * all.length) / worldSize),
    );
  const asked = async (start: () => () => boolean, timeoutMs: number): Promise<void> => {
    begin(timeoutMs);
    await until(start(), timeoutMs);
  };
  const inThread = async (call: () => Promise<void>, timeoutMs: number): Promise<void> => {
    begin(timeoutMs);
    let isDone = false;
    const done = call().then(() => void (isDone = true));
    await Promise.race([done, until(() => isDone, timeoutMs, LISTEN_MS)]);
  };

  const hosts = await gather(
    Uint8Array.from({ length: 256 }, (_, i) => hostname().charCodeAt(i)),
    START_MS,
  );
  const here = Buffer.from(hosts[rank]!);
  const pieceBytes = hosts.every((host) => here.equals(host)) ? PIECE_BYTES : Infinity;
  return collective({
    rank,
    worldSize,
    localRank: hosts.slice(0, rank).filter((host) => here.equals(host)).length,
    gather,
    exchange,
    sum: (buffer, share, timeoutMs) => {
      if (buffer.byteLength > SMALL_SUM_BYTES) return inThread(() => calls.sum(buffer, share, pieceBytes), timeoutMs);
      if (share !== 1) calls.scale(buffer, share);
      return asked(() => calls.sumSoon(buffer), timeoutMs);
    },
    broadcast: (bytes, root, timeoutMs) => inThread(() => calls.broadcast(bytes, root), timeoutMs),
    close: async (timeoutMs) => {
      if (hasFailed()) return; // the job ends with this process
      await gather(new Uint8Array(1), timeoutMs);
      left();
      calls.finalize();
    },
    abort: (reason) => {
      left();
      sayAndAbort(calls, 1, `rank ${rank} of ${worldSize}: ${reason}`);
    },
  });
}

/** Has the job end with this process, until the function that it gives is called. */
function abortAtExit(calls: Mpi, rank: number, worldSize: number): () => void {
  let reason = '';
  // Node would print it after the exit that there will not be.
  const remember = (error: unknown): void => void (reason = `: ${inspect(error)}`);
  const abort = (code: number): void => {
    const what = `rank ${rank} of ${worldSize} has ended with code ${code} and without close()${reason}`;
    sayAndAbort(calls, code || 1, what);
  };
  process.on('uncaughtExceptionMonitor', remember);
  process.once('exit', abort);
  return () => {
    process.off('uncaughtExceptionMonitor', remember);
    process.off('exit', abort);
  };
}

function sayAndAbort(calls: Mpi, code: number, what: string): void {
  process.stderr.write(`gradstream: ${what}\n`);
  // The launcher passes on no more once it is told.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  calls.abort(code);
}
