import { CollectiveError, type Averaged, type Collective } from '../core/collective.js';
import { assertPositiveInteger } from '../core/errors.js';
import { blend } from './blend.js';
import { CHUNK_BYTES, chunks, strips } from './chunks.js';
import { collective } from './collective.js';

/** Memory that threads talk through: how often each rank has arrived, who has failed, and a place for each rank's bytes. */
export interface SharedWorld {
  readonly worldSize: number;
  /** [0]: rises with every arrival; [1]: 1 + the rank that failed; [2 + rank]: that rank's arrivals. */
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
  /** What each rank's numbers count in a sum. */
  readonly shares: SharedArrayBuffer;
}

/** Memory for a world of threads, to be handed to each of them: 4 MiB a rank. */
export function sharedWorld(worldSize: number): SharedWorld {
  assertPositiveInteger(worldSize, 'sharedWorld: worldSize');
  return {
    worldSize,
    control: new SharedArrayBuffer(4 * (2 + worldSize)),
    data: new SharedArrayBuffer(CHUNK_BYTES * worldSize),
    shares: new SharedArrayBuffer(8 * worldSize),
  };
}

/** Says in a world that a rank is gone, so that nobody waits for it. */
export function markFailed({ control }: SharedWorld, rank: number): void {
  const words = new Int32Array(control);
  Atomics.compareExchange(words, 1, 0, 1 + rank);
  Atomics.add(words, 0, 1);
  Atomics.notify(words, 0);
}

/** One rank of a world of threads. Waiting leaves the event loop free; sums are made in the order of ranks, so a run repeats bit by bit. */
export function threads(world: SharedWorld, rank: number): Collective {
  const { worldSize, data } = world;
  const words = new Int32Array(world.control);
  const shares = new Float64Array(world.shares);
  const places = Array.from({ length: worldSize }, (_, i) => new Uint8Array(data, i * CHUNK_BYTES, CHUNK_BYTES));

  /** Goes on once every rank has arrived as often as this one. */
  const meet = async (timeoutMs: number): Promise<void> => {
    const round = Atomics.add(words, 2 + rank, 1) + 1;
    Atomics.add(words, 0, 1);
    Atomics.notify(words, 0);
    const late = (): number[] => [...places.keys()].filter((each) => ((Atomics.load(words, 2 + each) - round) | 0) < 0);
    let timedOut = false;
    // It keeps the process alive, too, which waitAsync does not.
    const timer = setTimeout(() => {
      timedOut = true;
      markFailed(world, late()[0] ?? rank);
    }, timeoutMs);
    try {
      for (;;) {
        const seen = Atomics.load(words, 0);
        if (late().length === 0) return;
        const failed = Atomics.load(words, 1) - 1;
        if (failed >= 0) throw failure(timedOut ? late() : [failed], timedOut ? timeoutMs : undefined);
        await Atomics.waitAsync(words, 0, seen).value;
      }
    } finally {
      clearTimeout(timer);
    }
  };
  const show = async <T>(bytes: Uint8Array, timeoutMs: number, read: () => T): Promise<T> => {
    places[rank]!.set(bytes);
    await meet(timeoutMs);
    const result = read();
    await meet(timeoutMs);
    return result;
  };

  return collective({
    rank,
    worldSize,
    localRank: rank,
    gather: async (bytes, timeoutMs) => {
      const all = places.map(() => new Uint8Array(bytes.length));
      for (const [from, part] of chunks(bytes)) {
        await show(part, timeoutMs, () =>
          all.forEach((whole, i) => whole.set(places[i]!.subarray(0, part.length), from)),
        );
      }
      return all;
    },
    exchange: async (bytes, timeoutMs) => {
      const all = places.map(() => new Uint8Array(bytes.length / worldSize));
      for (const [from, strip] of strips(bytes, worldSize)) {
        const length = strip.length / worldSize;
        await show(strip, timeoutMs, () =>
          all.forEach((whole, i) => whole.set(places[i]!.subarray(rank * length, (rank + 1) * length), from)),
        );
      }
      return all;
    },
    sum: async (buffer, share, timeoutMs) => {
      const kind = buffer.constructor as new (memory: ArrayBufferLike, from: number, length: number) => Averaged;
      shares[rank] = share;
      for (const [, part] of chunks(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength))) {
        const length = part.length / buffer.BYTES_PER_ELEMENT;
        const [start, end] = [rank, rank + 1].map((each) => Math.floor((length * each) / worldSize));
        places[rank]!.set(part);
        await meet(timeoutMs);
        // Each rank sums up a strip of its own, in the first place, where no other looks at it meanwhile.
        const [total, ...others] = places.map(({ byteOffset }) =>
          new kind(data, byteOffset, length).subarray(start, end),
        );
        others.forEach((term, i) => blend(total!, i === 0 ? shares[0]! : 1, term, shares[1 + i]!));
        await show(part.subarray(0, 0), timeoutMs, () => part.set(places[0]!.subarray(0, part.length)));
      }
    },
    broadcast: async (bytes, root, timeoutMs) => {
      for (const [from, part] of chunks(bytes)) {
        await show(rank === root ? part : part.subarray(0, 0), timeoutMs, () =>
          bytes.set(places[root]!.subarray(0, part.length), from),
        );
      }
    },
    // A world that has failed has nobody to take leave of.
    close: (timeoutMs) => (Atomics.load(words, 1) > 0 ? Promise.resolve() : meet(timeoutMs)),
    abort: () => markFailed(world, rank),
  });
}

function failure(ranks: readonly number[], timeoutMs?: number): CollectiveError {
  return timeoutMs === undefined
    ? new CollectiveError(`threads: rank ${ranks.join(', ')} has failed`, 'died', ranks)
    : new CollectiveError(`threads: rank ${ranks.join(', ')} must arrive within ${timeoutMs} ms`, 'timeout', ranks);
}
