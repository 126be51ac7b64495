import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { from } from 'ix/asynciterable';
import { describe, expect, it } from 'vitest';

import { ArgumentError } from '../../src/core/errors.js';
import { mapAsync } from '../../src/data/index.js';
import { collect, collectUntilError, deferred, settle, watched } from './sources.js';

/** A function whose calls end when the test says so. */
function controlled() {
  const calls: { value: string; index: number; signal: AbortSignal; end: ReturnType<typeof deferred<string>> }[] = [];
  const fn = (value: string, index: number, signal: AbortSignal): Promise<string> => {
    const end = deferred<string>();
    calls.push({ value, index, signal, end });
    return end.promise;
  };
  return { calls, fn };
}

describe('mapAsync', () => {
  it('gives results in the order of the source, whichever is done first', async () => {
    const { calls, fn } = controlled();
    const results = collect(from([...'abc']).pipe(mapAsync(fn, { concurrency: 3 })));
    await settle();
    for (const i of [2, 0, 1]) {
      calls[i]!.end.resolve(calls[i]!.value.toUpperCase());
      await settle();
    }

    expect(await results).toStrictEqual(['A', 'B', 'C']);
    expect(calls.map(({ value, index }) => [value, index])).toStrictEqual([
      ['a', 0],
      ['b', 1],
      ['c', 2],
    ]);
  });

  it('has as many calls under way as it may, and starts the next when a result is taken', async () => {
    const { calls, fn } = controlled();
    const { source, seen } = watched('abcdef');
    const iterator = mapAsync(fn, { concurrency: 2 })(source)[Symbol.asyncIterator]();
    const first = iterator.next();
    await settle();
    expect(calls.map(({ value }) => value)).toStrictEqual(['a', 'b']);

    calls[0]!.end.resolve('A');
    expect(await first).toStrictEqual({ done: false, value: 'A' });
    await settle();
    expect(calls).toHaveLength(2); // nobody has asked for another

    const second = iterator.next();
    await settle();
    expect(calls.map(({ value }) => value)).toStrictEqual(['a', 'b', 'c']);
    expect(seen.pulled).toBe(3);

    calls[1]!.end.resolve('B');
    await second;
    calls[2]!.end.resolve('C');
    await iterator.return?.();
  });

  it('gives a result although the source has no next value yet', async () => {
    const next = deferred<void>();
    const slow = async function* () {
      yield 'a';
      await next.promise;
      yield 'b';
    };
    const iterator = mapAsync(async (value: string) => value.toUpperCase(), { concurrency: 4 })(slow())[
      Symbol.asyncIterator
    ]();

    expect(await iterator.next()).toStrictEqual({ done: false, value: 'A' });
    next.resolve();
    expect(await iterator.next()).toStrictEqual({ done: false, value: 'B' });
    expect(await iterator.next()).toStrictEqual({ done: true, value: undefined });
  });

  it('keeps order and bound whatever the calls take', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 4 })), fc.integer({ min: 1, max: 5 }), async (turns, concurrency) => {
        let running = 0;
        let most = 0;
        const slowly = async (turnsToTake: number, index: number): Promise<number> => {
          most = Math.max(most, (running += 1));
          for (let i = 0; i < turnsToTake; i += 1) await settle();
          running -= 1;
          return index;
        };

        expect(await collect(from(turns).pipe(mapAsync(slowly, { concurrency })))).toStrictEqual(
          turns.map((_, i) => i),
        );
        expect(most).toBeLessThanOrEqual(concurrency);
      }),
      { numRuns: 50 },
    );
  });

  it('takes a function that is not asynchronous', async () => {
    expect(await collect(from([1, 2, 3]).pipe(mapAsync((x) => x * 2, { concurrency: 2 })))).toStrictEqual([2, 4, 6]);
  });

  it('gives nothing for nothing', async () => {
    expect(await collect(from<number>([]).pipe(mapAsync((x) => x, { concurrency: 2 })))).toStrictEqual([]);
  });

  it('gives the results before an error, and starts nothing after it', async () => {
    const { calls, fn } = controlled();
    const { source, seen } = watched('abcdef');
    const outcome = collectUntilError(mapAsync(fn, { concurrency: 3 })(source));
    await settle();
    const failure = new Error('not a picture');
    calls[1]!.end.reject(failure);
    await settle();
    calls[0]!.end.resolve('A');
    const { values, error } = await outcome;

    expect(values).toStrictEqual(['A']);
    expect(error).toBe(failure);
    expect(calls.map(({ value }) => value)).toStrictEqual(['a', 'b', 'c']);
    expect(calls[2]!.signal.aborted).toBe(true);
    expect(seen).toMatchObject({ pulled: 3, closed: 1 });
  });

  it('passes on what a function throws at once', async () => {
    const failure = new Error('not a picture');
    const throws = (): number => {
      throw failure;
    };

    expect((await collectUntilError(from([1]).pipe(mapAsync(throws, { concurrency: 2 })))).error).toBe(failure);
  });

  it('gives the results before an error of the source', async () => {
    const failure = new Error('disk gone');
    const { source } = watched('ab', failure);
    const { values, error } = await collectUntilError(mapAsync(async (x: string) => x, { concurrency: 4 })(source));

    expect(values).toStrictEqual(['a', 'b']);
    expect(error).toBe(failure);
  });

  it('aborts its calls and closes its source at once at early exit, without waiting for the calls', async () => {
    const { calls, fn } = controlled();
    const { source, seen } = watched('abcdef');
    const iterator = mapAsync(fn, { concurrency: 3 })(source)[Symbol.asyncIterator]();
    const first = iterator.next();
    await settle();
    calls[0]!.end.resolve('A');
    await first;
    expect(calls[1]!.signal.aborted).toBe(false);
    await iterator.return?.();

    expect(calls.map(({ signal }) => signal.aborted)).toStrictEqual([true, true, true]);
    expect(seen).toMatchObject({ pulled: 3, closed: 1 });
  });

  it('starts no call for a value that comes after an early exit', async () => {
    const { calls, fn } = controlled();
    const next = deferred<void>();
    let closed = false;
    const slow = async function* () {
      try {
        yield 'a';
        await next.promise;
        yield 'b';
      } finally {
        closed = true;
      }
    };
    const iterator = mapAsync(fn, { concurrency: 2 })(slow())[Symbol.asyncIterator]();
    const first = iterator.next();
    await settle();
    calls[0]!.end.resolve('A');
    await first;
    const exit = iterator.return?.();
    next.resolve();
    await exit;
    await settle();

    expect(closed).toBe(true);
    expect(calls).toHaveLength(1);
  });

  it('aborts its calls when the signal it is given aborts, even while a result is waited for', async () => {
    const abort = new AbortController();
    const { source, seen } = watched('abc');
    const signals: AbortSignal[] = [];
    const results = mapAsync(
      (_value: string, _index, signal) => {
        signals.push(signal);
        return new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
      { concurrency: 2 },
    )(source) as unknown as { [Symbol.asyncIterator](signal: AbortSignal): AsyncIterator<string> };
    const waiting = results[Symbol.asyncIterator](abort.signal).next();
    await settle();
    abort.abort(new Error('unsubscribed'));

    await expect(waiting).rejects.toThrow('unsubscribed');
    expect(signals).toHaveLength(2);
    expect(seen.closed).toBe(1);
  });

  it('asks its source for one value at a time, and neither asks nor closes one that has ended', async () => {
    const seen = { asked: 0, asking: 0, mostAsking: 0, closed: 0 };
    const source: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          seen.asked += 1;
          seen.mostAsking = Math.max(seen.mostAsking, (seen.asking += 1));
          const value = seen.asked;
          await settle();
          seen.asking -= 1;
          return value > 2 ? { done: true, value: undefined } : { done: false, value };
        },
        return: async () => {
          seen.closed += 1;
          return { done: true, value: undefined };
        },
      }),
    };

    expect(await collect(mapAsync((x: number) => x, { concurrency: 8 })(source))).toStrictEqual([1, 2]);
    expect(seen).toStrictEqual({ asked: 3, asking: 0, mostAsking: 1, closed: 0 });
  });

  it('disposes tensors in results that nobody takes any more', async () => {
    const made: tf.Tensor[] = [];
    const tensors = from([1, 2, 3, 4]).pipe(
      mapAsync(
        async (x) => {
          const tensor = tf.scalar(x);
          made.push(tensor);
          return { xs: tensor };
        },
        { concurrency: 3 },
      ),
    );
    for await (const { xs } of tensors) {
      xs.dispose();
      await settle();
      break;
    }
    await settle();

    expect(made.map((tensor) => tensor.isDisposed)).toStrictEqual([true, true, true]);
  });

  it.each([0, -1, 1.5, NaN, Infinity])('rejects a concurrency of %d at once', (concurrency) => {
    expect(() => mapAsync((x: number) => x, { concurrency })).toThrow(ArgumentError);
  });

  it('rejects what is no function at once', () => {
    expect(() => mapAsync('decode' as never, { concurrency: 1 })).toThrow(
      new ArgumentError('mapAsync: fn must be a function, received string'),
    );
  });
});
