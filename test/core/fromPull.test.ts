import * as tf from '@tensorflow/tfjs';
import { from as ixFrom } from 'ix/asynciterable';
import {
  concatMap,
  firstValueFrom,
  lastValueFrom,
  map,
  of,
  Subject,
  take,
  tap,
  throwError,
  timer,
  toArray,
} from 'rxjs';
import { describe, expect, it } from 'vitest';

import { ArgumentError, SourceError } from '../../src/core/errors.js';
import { fromPull } from '../../src/core/fromPull.js';
import { RUN, waitMap, waitUntil } from '../../src/core/run.js';
import type { Checkpoint, RunSnapshot } from '../../src/core/snapshot.js';

interface Item {
  n: number;
}

/** An endless source that says what was asked of it. */
function counted(): { source: AsyncIterable<Item>; asked: () => number; closed: () => boolean } {
  let asked = 0;
  let closed = false;
  async function* source(): AsyncGenerator<Item> {
    try {
      for (;;) {
        asked += 1;
        yield await Promise.resolve({ n: asked });
      }
    } finally {
      closed = true;
    }
  }
  return { source: source(), asked: () => asked, closed: () => closed };
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const numbers = (source: Parameters<typeof fromPull<Item>>[0], options = {}) =>
  lastValueFrom(
    fromPull(source, options).pipe(
      map(({ n }) => n),
      toArray(),
    ),
  );

describe('fromPull', () => {
  it.each([0, 1, 3])(
    'reads at most %d batches ahead of an endless source that is stopped after 4 steps',
    async (prefetch) => {
      const { source, asked, closed } = counted();
      let most = 0;
      await lastValueFrom(
        fromPull(source, { prefetch }).pipe(
          waitMap(async (item) => {
            await sleep(3);
            most = Math.max(most, asked() - item.n + 1);
            return item;
          }),
          take(4),
        ),
      );
      await sleep(5);

      expect(asked()).toBe(4 + prefetch);
      expect(most).toBe(prefetch + 1);
      expect(closed()).toBe(true);
    },
  );

  it('asks for the next batch only when every wait of the last has settled, rejected or not', async () => {
    const { source, asked } = counted();
    const releases: (() => void)[] = [];
    const seen: number[] = [];
    const run = fromPull(source, { prefetch: 0 }).subscribe((item) => {
      seen.push(item.n);
      waitUntil(item, new Promise<void>((resolve) => releases.push(resolve)));
      waitUntil(item, Promise.reject(new Error('reported by whoever made it')));
    });
    await sleep(5);
    expect(seen).toStrictEqual([1]);
    releases[0]!();
    await sleep(5);
    expect(seen).toStrictEqual([1, 2]);
    expect(asked()).toBe(2);
    run.unsubscribe();
  });

  it('waits across several asynchronous stages in a row', async () => {
    const { source, asked } = counted();
    const slow = waitMap(async (item: Item) => {
      await sleep(2);
      return { ...item };
    });
    const ahead: number[] = [];
    await lastValueFrom(
      fromPull(source, { prefetch: 0 }).pipe(
        slow,
        slow,
        tap(({ n }) => ahead.push(asked() - n)),
        slow,
        take(3),
      ),
    );

    expect(ahead).toStrictEqual([0, 0, 0]);
  });

  it('never asks for a value while it waits for another, whatever the prefetch', async () => {
    let [n, asked, most] = [0, 0, 0];
    const next = async (): Promise<IteratorResult<Item>> => {
      most = Math.max(most, ++asked);
      await sleep(1);
      asked -= 1;
      n += 1;
      return n > 6 ? { done: true, value: undefined } : { done: false, value: { n } };
    };
    expect(await numbers({ [Symbol.asyncIterator]: () => ({ next }) }, { prefetch: 3 })).toStrictEqual([
      1, 2, 3, 4, 5, 6,
    ]);
    expect(most).toBe(1);
  });

  it('leaves an iterator alone that has failed, and asks it for nothing more', async () => {
    const log: string[] = [];
    const iterator: AsyncIterator<Item> = {
      next: () => (log.push('next'), Promise.reject(new Error('torn'))),
      return: () => (log.push('return'), Promise.resolve({ done: true, value: undefined })),
    };
    await expect(numbers({ [Symbol.asyncIterator]: () => iterator }, { prefetch: 3 })).rejects.toThrow('torn');
    await sleep(5);
    expect(log).toStrictEqual(['next']);
  });

  it('runs the source’s finally at once when it is unsubscribed between two batches', async () => {
    const { source, closed } = counted();
    const run = fromPull(source).subscribe((item) => waitUntil(item, new Promise(() => undefined)));
    await sleep(5);
    expect(closed()).toBe(false);
    run.unsubscribe();
    await Promise.resolve(); // an async generator returns in the next microtask, no batch later
    expect(closed()).toBe(true);
  });

  it('runs the source’s finally when a stage behind it fails', async () => {
    const { source, closed } = counted();
    const failing = fromPull(source).pipe(concatMap(({ n }) => (n < 3 ? of(n) : throwError(() => new Error('stage')))));

    await expect(lastValueFrom(failing)).rejects.toThrow('stage');
    expect(closed()).toBe(true);
  });

  it('aborts the signal that a factory or an IxJS iterable was given, even while a batch is awaited', async () => {
    const signals: AbortSignal[] = [];
    const pending: AsyncIterable<Item> & { [Symbol.asyncIterator](signal?: AbortSignal): AsyncIterator<Item> } = {
      [Symbol.asyncIterator]: (signal?: AbortSignal) => {
        signals.push(signal!);
        return { next: () => new Promise(() => undefined) };
      },
    };
    const run = fromPull((_epoch, signal) => {
      signals.push(signal);
      return pending;
    }).subscribe();
    await sleep(2);
    expect(signals.map(({ aborted }) => aborted)).toStrictEqual([false, false]);
    run.unsubscribe();
    expect(signals.map(({ aborted }) => aborted)).toStrictEqual([true, true]);
  });

  it('takes an array, a generator, an IxJS iterable, a ReadableStream, a tf.data.Dataset and a factory', async () => {
    const items = [{ n: 1 }, { n: 2 }];
    const stream = () =>
      new ReadableStream<Item>({ start: (c) => (items.forEach((item) => c.enqueue(item)), c.close()) });
    const dataset = tf.data.array(items) as unknown as Parameters<typeof fromPull<Item>>[0];

    expect(await numbers(items)).toStrictEqual([1, 2]);
    expect(await numbers(items.values())).toStrictEqual([1, 2]);
    expect(await numbers(ixFrom(items))).toStrictEqual([1, 2]);
    expect(await numbers(stream())).toStrictEqual([1, 2]);
    expect(await numbers(dataset)).toStrictEqual([1, 2]);
    expect(await numbers((epoch) => [{ n: epoch }], { epochs: 3 })).toStrictEqual([1, 2, 3]);
  });

  it('gives values of another run as its own, in its own epoch, and leaves them as they are', async () => {
    const value: object = Object.freeze({ n: 1, epoch: undefined, [RUN]: {} });
    const [given] = await lastValueFrom(fromPull([value]).pipe(toArray()));

    expect(given).toMatchObject({ n: 1, epoch: 1 });
    expect(given![RUN]!.ended!()).toBe('over');
  });

  it('cancels a ReadableStream when it is unsubscribed', async () => {
    let cancelled = false;
    const stream = new ReadableStream<Item>({
      pull: (c) => c.enqueue({ n: 1 }),
      cancel: () => void (cancelled = true),
    });
    await firstValueFrom(fromPull(stream));
    await sleep(2);

    expect(cancelled).toBe(true);
  });

  it('counts epochs, and says when one ends, after all waits and before the next begins', async () => {
    const log: string[] = [];
    const run$ = fromPull([{ n: 1 }, { n: 2 }], { epochs: 2 }).pipe(
      tap({ next: ({ n, epoch }) => log.push(`${epoch}:${n}`), complete: () => log.push('complete') }),
    );
    let listening = false;
    await lastValueFrom(
      run$.pipe(
        tap((item) => {
          if (listening) return;
          listening = true;
          item[RUN]!.epochEnd$!.subscribe(() => log.push('end'));
        }),
      ),
    );

    expect(log).toStrictEqual(['1:1', '1:2', 'end', '2:1', '2:2', 'end', 'complete']);
  });

  describe('snapshots', () => {
    const holdings = async (stop?: number, from?: Checkpoint) => {
      const items = [{ n: 1 }, { n: 2 }, { n: 3 }];
      const stop$ = new Subject<void>();
      const asked: Promise<RunSnapshot | undefined>[] = [];
      const seen: number[] = [];
      await lastValueFrom(
        fromPull(items, { epochs: 2, until: stop$, ...(from && { from }) }).pipe(
          tap((item) => {
            seen.push(item.n);
            asked.push(item[RUN]!.state!.snapshot());
            if (seen.length === stop) stop$.next();
          }),
        ),
        { defaultValue: undefined },
      );
      return { seen, cursors: (await Promise.all(asked)).map((snapshot) => snapshot!['source']!.data) };
    };

    it('are taken before the next batch, between two epochs, and at the end', async () => {
      expect((await holdings()).cursors).toStrictEqual([
        { pass: 1, given: 1 },
        { pass: 1, given: 2 },
        { pass: 2, given: 0 },
        { pass: 2, given: 1 },
        { pass: 2, given: 2 },
        { pass: 3, given: 0 },
      ]);
    });

    it.each([1, 2, 3, 4, 5, 6])(
      'say where a run was stopped after %d batches, and it goes on from there',
      async (stop) => {
        const { seen, cursors } = await holdings(stop);
        expect(seen).toStrictEqual([1, 2, 3, 1, 2, 3].slice(0, stop));
        const stages = { source: { data: cursors.at(-1)! } };
        const rest = await holdings(undefined, { globalStep: 0, microStep: 0, epoch: 1, stages });
        expect(rest.seen).toStrictEqual([1, 2, 3, 1, 2, 3].slice(stop));
      },
    );

    it('are none if the run is cut off before, and afterwards', async () => {
      const item = await firstValueFrom(fromPull([{ n: 1 }, { n: 2 }]));
      expect(await item[RUN]!.state!.snapshot()).toBeUndefined();
      const [asked] = await lastValueFrom(
        fromPull([{ n: 1 }, { n: 2 }]).pipe(
          map((each) => [each[RUN]!.state!.snapshot()]),
          take(1),
        ),
      );
      expect(await asked).toBeUndefined();
    });

    it('may be asked for at the last moment, when the source says that it ends', async () => {
      const asked: Promise<RunSnapshot | undefined>[] = [];
      const said: string[] = [];
      await lastValueFrom(
        fromPull([{ n: 1 }]).pipe(
          tap((item) => {
            const { end$, epochEnd$, ended, state } = item[RUN]!;
            epochEnd$!.subscribe(() => said.push(`epoch, ${ended!()}`));
            end$!.subscribe(() => asked.push((said.push(`end, ${ended!()}`), state!.snapshot())));
          }),
        ),
      );
      expect(said).toStrictEqual(['epoch, over', 'end, over']);
      expect((await asked[0])!['source']!.data).toStrictEqual({ pass: 2, given: 0 });
    });
  });

  describe('until', () => {
    it('ends the source after the batch that is under way, what was pulled is disposed', async () => {
      const stop$ = new Subject<void>();
      const made: tf.Tensor[] = [];
      const source = function* () {
        for (;;) yield { xs: made[made.push(tf.scalar(1)) - 1]! };
      };
      const log: string[] = [];
      await lastValueFrom(
        fromPull(source(), { until: stop$, prefetch: 2 }).pipe(
          waitMap(async (item, index) => {
            item[RUN]!.end$!.subscribe(() => log.push(item[RUN]!.ended!()!));
            if (index === 1) stop$.next();
            await sleep(2);
            log.push(`through ${index}`);
            item.xs.dispose();
            return item;
          }),
        ),
      );
      await sleep(1);
      expect(log).toStrictEqual(['through 0', 'through 1', 'stopped', 'stopped']);
      expect(made.every(({ isDisposed }) => isDisposed)).toBe(true);
      expect(stop$.observed).toBe(false);
    });

    it('ends at once a source that is waited for, and one that has not begun', async () => {
      const pending = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
      const none = { defaultValue: 'none' };
      expect(await lastValueFrom(fromPull(pending, { until: timer(2) }), none)).toBe('none');
      expect(await lastValueFrom(fromPull([{ n: 1 }], { until: of(1) }), none)).toBe('none');
    });

    it('sends on the error of its notifier', async () => {
      const { source } = counted();
      const failing = fromPull(source, { until: throwError(() => new Error('button gone')) });
      await expect(lastValueFrom(failing)).rejects.toThrow('button gone');
    });
  });

  describe('in a run that goes on', () => {
    /** Passes over three batches of tensors; all that were made. */
    const tensorBatches = () => {
      const made: tf.Tensor[] = [];
      const item = (n: number) => ({ n, xs: made[made.push(tf.scalar(n)) - 1]! });
      return { made, item, source: () => [1, 2, 3].map(item), left: () => made.filter((each) => !each.isDisposed) };
    };
    const from = (given: number, pass = 1): Checkpoint => ({
      ...{ globalStep: 0, microStep: given, epoch: pass },
      stages: { source: { data: { pass, given } } },
    });

    it.each([
      [1, ['2', '3', 'end', '1', '2', '3', 'over']],
      [3, ['3 again', 'end', '1', '2', '3', 'over']],
    ])(
      'shows the last batch again if its epoch may have been left without a word: after %d of 3',
      async (given, expected) => {
        const { source, left } = tensorBatches();
        const said: string[] = [];
        await lastValueFrom(
          fromPull(source, { epochs: 2, from: from(given) }).pipe(
            waitMap(async (item, index) => {
              const run = item[RUN]!;
              if (index === 0) run.epochEnd$!.subscribe(() => said.push(run.ended!() ?? 'end'));
              await sleep(2);
              said.push(`${item.n}${run.isRepeat!() ? ' again' : ''}`);
              item.xs.dispose();
              return item;
            }),
          ),
        );
        expect(said).toStrictEqual(expected);
        expect(left()).toStrictEqual([]);
      },
    );

    it('frees what it has passed over if it is unsubscribed before it can tell, also if it comes later', async () => {
      const { item, made, left } = tensorBatches();
      async function* hanging() {
        yield item(1);
        await new Promise(() => undefined);
      }
      async function* slow() {
        await sleep(5);
        yield item(1);
      }
      for (const source of [hanging, slow]) {
        const run = fromPull(source, { from: from(1) }).subscribe();
        await sleep(2);
        run.unsubscribe();
        await sleep(8);
      }
      expect(made).toHaveLength(2);
      expect(left()).toStrictEqual([]);
    });

    it('frees what comes after it has been stopped', async () => {
      const { item, made, left } = tensorBatches();
      async function* slow() {
        await sleep(5);
        yield item(1);
      }
      const stopped$ = fromPull(slow, { until: timer(1) });
      expect(await lastValueFrom(stopped$, { defaultValue: 'none' })).toBe('none');
      await sleep(10);
      expect(made).toHaveLength(1);
      expect(left()).toStrictEqual([]);
    });
  });

  it('disposes batches that were pulled and not emitted', async () => {
    const made: tf.Tensor[] = [];
    function* source() {
      for (;;) {
        const x = tf.scalar(1);
        made.push(x);
        yield { xs: x };
      }
    }
    const run = fromPull(source(), { prefetch: 3 }).subscribe(({ xs, ...value }) => {
      xs.dispose();
      waitUntil(value, new Promise(() => undefined));
    });
    await sleep(5);
    expect(made).toHaveLength(4);
    run.unsubscribe();
    await sleep(1);
    expect(made.every(({ isDisposed }) => isDisposed)).toBe(true);
  });

  it('errors with a SourceError that says how far the source came', async () => {
    function* source() {
      yield { n: 1 };
      yield { n: 2 };
      throw new Error('disk gone');
    }
    const error: unknown = await lastValueFrom(fromPull(source())).catch((e: unknown) => e);

    expect(error).toBeInstanceOf(SourceError);
    expect(error).toMatchObject({
      batch: 2,
      message: 'fromPull: the source must go on, it failed after 2 batches: disk gone',
    });
    expect((error as SourceError).cause).toMatchObject({ message: 'disk gone' });
  });

  it('errors on an empty source, on one that is exhausted after its first epoch, and on what is no batch', async () => {
    const once = [{ n: 1 }].values();

    await expect(numbers([])).rejects.toThrow('is it empty?');
    await expect(numbers(once, { epochs: 2 })).rejects.toThrow(
      'received none in epoch 2; give a function that makes a new source',
    );
    await expect(numbers([7 as unknown as Item])).rejects.toThrow(
      'batches must be plain objects such as { xs, ys }, received 7 as batch 1',
    );
    for (const odd of [{}, undefined, 7])
      await expect(numbers(odd as never)).rejects.toThrow('the source must be an AsyncIterable');
  });

  it('lets timers run while a synchronous source is trained on', async () => {
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 1);
    function* source() {
      const end = performance.now() + 120;
      for (let n = 0; performance.now() < end; n++) yield { n };
    }
    await lastValueFrom(fromPull(source(), { yieldEveryMs: 20 }));
    clearInterval(timer);

    expect(ticks).toBeGreaterThan(1);
  });

  it.each([
    { prefetch: -1 },
    { prefetch: 0.5 },
    { epochs: 0 },
    { epochs: NaN },
    { yieldEveryMs: -1 },
    { yieldEveryMs: NaN },
  ])('rejects %j at once', (options) => {
    expect(() => fromPull([], options)).toThrow(ArgumentError);
  });
});
