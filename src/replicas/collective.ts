import {
  CollectiveError,
  type Averaged,
  type Collective,
  type CollectiveOptions,
  type Compression,
} from '../core/collective.js';
import { ArgumentError, assertPositive } from '../core/errors.js';
import { agree, signatureOf, type Operation } from './agree.js';
import { sumHalves } from './sumHalves.js';
import type { Transport } from './transport.js';

const TIMEOUT_MS = 600_000;
const BUCKET_BYTES = 25 * (1 << 20);

/** A collective over a transport: one operation at a time, in the order of the calls, each agreed on by all ranks before any data moves. */
export function collective(transport: Transport): Collective {
  const { rank, worldSize, localRank } = transport;
  let tail: Promise<unknown> = Promise.resolve();
  let closed: Promise<void> | undefined;

  const inTurn = <T>(
    operation: Operation,
    { signal, timeoutMs = TIMEOUT_MS }: CollectiveOptions,
    run: (values: readonly number[], timeoutMs: number) => Promise<T>,
  ): Promise<T> => {
    assertPositive(timeoutMs, `${operation.name}: timeoutMs`);
    if (closed) {
      return Promise.reject(new CollectiveError(`${operation.name}: rank ${rank} has been closed`, 'closed', [rank]));
    }
    const turn = tail.then(async () =>
      run(await agree(transport, { ...operation, aborted: signal?.aborted ?? false }, timeoutMs), timeoutMs),
    );
    tail = turn.catch(() => undefined);
    return turn;
  };

  return {
    rank,
    worldSize,
    localRank,
    allReduceMean: (buffers, { weight = 1, compress, ...options } = {}) => {
      if (!(weight >= 0 && weight < Infinity)) {
        throw new ArgumentError(`allReduceMean: weight must be at least 0 and finite, received ${weight}`);
      }
      if (compress) checkCompression(buffers, compress);
      return inTurn(
        { name: 'allReduceMean', signature: signatureOf(buffers, compress?.format), value: weight },
        options,
        async (weights, timeoutMs) => {
          const total = weights.reduce((a, b) => a + b, 0);
          const lost = compress ? buckets(compress.lost) : [];
          for (const [i, bucket] of buffers.flatMap(buckets).entries()) {
            if (weight === 0) bucket.fill(0); // whatever was there
            const share = shareFor(bucket, weight === 0 ? 1 : weight / total);
            const rest = compress && { ...compress, lost: lost[i] as Float32Array };
            if (rest) await sumHalves(transport, bucket as Float32Array, share, rest, timeoutMs);
            else await transport.sum(bucket, share, timeoutMs);
          }
          return total;
        },
      );
    },
    broadcast: (buffer, root = 0, options = {}) => {
      if (!Number.isInteger(root) || root < 0 || root >= worldSize) {
        throw new ArgumentError(`broadcast: root must be a rank below ${worldSize}, received ${root}`);
      }
      const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      return inTurn({ name: 'broadcast', signature: [bytes.length, root], value: 0 }, options, (_, timeoutMs) =>
        transport.broadcast(bytes, root, timeoutMs),
      );
    },
    allGather: (bytes, options = {}) =>
      inTurn({ name: 'allGather', signature: [0, 0], value: bytes.length }, options, async (lengths, timeoutMs) => {
        const padded = new Uint8Array(Math.max(...lengths));
        padded.set(bytes);
        const all = await transport.gather(padded, timeoutMs);
        return all.map((each, i) => each.subarray(0, lengths[i]));
      }),
    barrier: (options = {}) =>
      inTurn({ name: 'barrier', signature: [0, 0], value: 0 }, options, () => Promise.resolve()),
    close: () => (closed ??= tail.then(() => transport.close(TIMEOUT_MS))),
    abort: (reason) => transport.abort(reason),
  };
}

function checkCompression(buffers: readonly Averaged[], { format, lost }: Compression): void {
  const [buffer] = buffers;
  if (buffers.length === 1 && buffer instanceof Float32Array && lost.length === buffer.length) return;
  const received = buffers.map(({ constructor, length }) => `${constructor.name} of ${length}`).join(', ');
  throw new ArgumentError(
    `allReduceMean: ${format} needs one Float32Array, and as many numbers for what is lost, received ${received}, and ${lost.length}`,
  );
}

/** The share as a number of the buffer's own type: the product is then the same wherever it is computed. */
function shareFor(buffer: Averaged, share: number): number {
  return buffer instanceof Float32Array ? Math.fround(share) : share;
}

/** A buffer in parts, so that none is too large for a message, and the event loop has a turn after each. */
function buckets(buffer: Averaged): Averaged[] {
  const size = BUCKET_BYTES / buffer.BYTES_PER_ELEMENT;
  const count = Math.ceil(buffer.length / size);
  return Array.from({ length: count }, (_, i) => buffer.subarray(i * size, (i + 1) * size));
}
