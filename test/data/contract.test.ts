import type { OperatorAsyncFunction } from 'ix/interfaces';
import { from } from 'ix/asynciterable';
import { describe, expect, it } from 'vitest';

import { batch, epochs, mapAsync, shard, shuffle, skipCorrupt, timeout, type Sample } from '../../src/data/index.js';
import { collect, collectUntilError, someSamples, watched } from './sources.js';

/** Every operator, with the arguments it is tried with and how many samples it reads before it gives a value. */
const cases: Record<string, { operator: OperatorAsyncFunction<Sample, unknown>; reads: number }> = {
  batch: { operator: batch(2), reads: 2 },
  epochs: { operator: (source) => epochs(source, 1), reads: 1 },
  mapAsync: { operator: mapAsync((sample) => sample, { concurrency: 1 }), reads: 1 },
  shard: { operator: shard(1, 3), reads: 2 },
  skipCorrupt: { operator: skipCorrupt({ most: 0, decode: (sample: Sample) => sample }), reads: 1 },
  timeout: { operator: timeout({ ms: 10_000 }), reads: 1 },
  shuffle: { operator: shuffle({ seed: 1 }), reads: 6 },
  'shuffle with a buffer': { operator: shuffle({ seed: 1, buffer: 3 }), reads: 3 },
};

describe.each(Object.entries(cases))('%s keeps the contract of operators', (_name, { operator, reads }) => {
  it('pulls nothing before it is asked, and then no more than it needs', async () => {
    const { source, seen } = watched(someSamples(6));
    const iterator = operator(source)[Symbol.asyncIterator]();

    expect(seen).toMatchObject({ opened: 0, pulled: 0 });
    await iterator.next();
    expect(seen).toMatchObject({ opened: 1, pulled: reads });
    await iterator.return?.();
  });

  it('works by call and in pipe', async () => {
    const called = await collect(operator(from(someSamples(6))));
    const piped = await collect(from(someSamples(6)).pipe(operator));

    expect(called.length).toBeGreaterThan(0);
    expect(piped).toStrictEqual(called);
  });

  it('gives the same again when it is read again', async () => {
    const { source, seen } = watched(someSamples(6));
    const values = operator(source);

    expect(await collect(values)).toStrictEqual(await collect(values));
    expect(seen.opened).toBe(2);
  });

  it('passes an error on and closes its source', async () => {
    const failure = new Error('disk gone');
    const { source, seen } = watched(someSamples(6), failure);

    expect((await collectUntilError(operator(source))).error).toBe(failure);
    expect(seen.closed).toBe(1);
  });

  it('closes its source by the time an early exit is through', async () => {
    const { source, seen } = watched(someSamples(6));
    for await (const _ of operator(source)) break;

    expect(seen).toMatchObject({ closed: 1, pulled: reads });
  });

  it('closes its source by the time a consumer that threw is through', async () => {
    const { source, seen } = watched(someSamples(6));
    const failure = new Error('no memory');
    const consume = async (): Promise<void> => {
      for await (const _ of operator(source)) throw failure;
    };

    await expect(consume()).rejects.toBe(failure);
    expect(seen.closed).toBe(1);
  });

  it('hands the abort signal on to its source', async () => {
    const { source, seen } = watched(someSamples(6));
    const abort = new AbortController();
    const values = operator(source) as { [Symbol.asyncIterator](signal: AbortSignal): AsyncIterator<unknown> };
    const iterator = values[Symbol.asyncIterator](abort.signal);
    await iterator.next();

    expect(seen.signals[0]?.aborted).toBe(false);
    abort.abort();
    expect(seen.signals[0]?.aborted).toBe(true);
    await iterator.return?.();
  });
});

describe('a pipeline', () => {
  it('closes its source once, through all stages', async () => {
    const { source, seen } = watched(someSamples(12));
    const batches = epochs(
      () =>
        from(source).pipe(
          shard(0, 2),
          shuffle({ seed: 3, buffer: 2 }),
          mapAsync(async (sample) => sample, { concurrency: 2 }),
          batch(2),
        ),
      Infinity,
    );
    let given = 0;
    for await (const { epoch } of batches) {
      given += 1;
      if (epoch === 2) break;
    }

    expect(given).toBe(4);
    expect(seen).toMatchObject({ opened: 2, closed: 2 });
  });
});
