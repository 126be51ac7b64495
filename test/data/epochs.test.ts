import { from } from 'ix/asynciterable';
import { take } from 'ix/asynciterable/operators';
import { describe, expect, expectTypeOf, it } from 'vitest';

import { ArgumentError, SourceError } from '../../src/core/errors.js';
import type { PullSource } from '../../src/core/source.js';
import { epochs } from '../../src/data/index.js';
import { collect, collectUntilError, watched } from './sources.js';

const values = [{ x: 'a' }, { x: 'b' }];

describe('epochs', () => {
  it('gives its source several times, each value with its epoch', async () => {
    const { source, seen } = watched(values);

    expect(await collect(epochs(source, 3))).toStrictEqual([
      { x: 'a', epoch: 1 },
      { x: 'b', epoch: 1 },
      { x: 'a', epoch: 2 },
      { x: 'b', epoch: 2 },
      { x: 'a', epoch: 3 },
      { x: 'b', epoch: 3 },
    ]);
    expect(seen).toMatchObject({ opened: 3, closed: 3 });
  });

  it('asks a function for the source of each epoch, when it is due', async () => {
    const asked: number[] = [];
    const source = (epoch: number) => {
      asked.push(epoch);
      return [{ x: epoch * 10 }];
    };
    const iterator = epochs(source, 2)[Symbol.asyncIterator]();

    expect(asked).toStrictEqual([]);
    expect((await iterator.next()).value).toStrictEqual({ x: 10, epoch: 1 });
    expect(asked).toStrictEqual([1]);
    expect((await iterator.next()).value).toStrictEqual({ x: 20, epoch: 2 });
    expect(asked).toStrictEqual([1, 2]);
    expect((await iterator.next()).done).toBe(true);
  });

  it('takes ReadableStreams and datasets', async () => {
    const stream = () =>
      new ReadableStream<{ x: string }>({
        start(controller) {
          controller.enqueue({ x: 'a' });
          controller.close();
        },
      });
    const dataset = {
      iterator: async () => from(values)[Symbol.asyncIterator]() as { next(): Promise<IteratorResult<{ x: string }>> },
    };

    expect(await collect(epochs(stream, 2))).toStrictEqual([
      { x: 'a', epoch: 1 },
      { x: 'a', epoch: 2 },
    ]);
    expect(await collect(epochs(dataset, 2))).toHaveLength(4);
  });

  it('goes on for ever if asked to', async () => {
    const given = await collect(epochs(values, Infinity).pipe(take(7)));

    expect(given.map(({ epoch }) => epoch)).toStrictEqual([1, 1, 2, 2, 3, 3, 4]);
  });

  it('leaves the values it was given as they are', async () => {
    const value = { x: 1, epoch: 9 };
    const [given] = await collect(epochs([value], 1));

    expect(given).toStrictEqual({ x: 1, epoch: 1 });
    expect(value).toStrictEqual({ x: 1, epoch: 9 });
    expectTypeOf(given!.epoch).toEqualTypeOf<number>();
  });

  it('errors when the source is empty', async () => {
    const { error } = await collectUntilError(epochs([], 2));

    expect(error).toStrictEqual(
      new SourceError(
        'epochs: the source must give a value in every epoch, received none in epoch 1; the source is empty',
        0,
      ),
    );
  });

  it.each([
    ['a generator', () => values[Symbol.iterator]()],
    [
      'a stream',
      () =>
        new ReadableStream({
          start: (controller) => (values.forEach((v) => controller.enqueue(v)), controller.close()),
        }),
    ],
  ])('errors when %s is to be read twice, and says what to do', async (_what, once) => {
    const { values: given, error } = await collectUntilError(epochs(once() as PullSource<{ x: string }>, 2));

    expect(given).toHaveLength(2);
    expect(error).toBeInstanceOf(SourceError);
    expect((error as SourceError).message).toBe(
      'epochs: the source must give a value in every epoch, received none in epoch 2; ' +
        'it is exhausted: pass a function that makes a new source for each epoch',
    );
    expect((error as SourceError).batch).toBe(2);
  });

  it('passes on what the function throws', async () => {
    const failure = new Error('no such file');
    const source = (epoch: number) => {
      if (epoch === 2) throw failure;
      return values;
    };
    const { values: given, error } = await collectUntilError(epochs(source, 2));

    expect(given).toHaveLength(2);
    expect(error).toBe(failure);
  });

  it('aborts the signal that its function was given at early exit', async () => {
    const signals: AbortSignal[] = [];
    const source = (_epoch: number, signal: AbortSignal) => {
      signals.push(signal);
      return values;
    };
    for await (const _ of epochs(source, 2)) expect(signals.map(({ aborted }) => aborted)).not.toContain(true);
    for await (const _ of epochs(source, 2)) break;

    expect(signals).toHaveLength(3);
    expect(signals[2]!.aborted).toBe(true);
  });

  it.each([0, -1, 1.5, NaN])('rejects %d epochs at once', (n) => {
    expect(() => epochs(values, n)).toThrow(ArgumentError);
  });
});
