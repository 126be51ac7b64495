import * as tf from '@tensorflow/tfjs';
import { from } from 'ix/asynciterable';
import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';

import { ArgumentError, SourceError } from '../../src/core/errors.js';
import { timeout } from '../../src/data/timeout.js';
import { collect, deferred, settle, watched } from './sources.js';

/** A few microtasks: what is at hand has arrived by then. */
const arrived = async () => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

describe('timeout', () => {
  it('fails when a value is late, in virtual time; how long it is not asked for does not count', async () => {
    const scheduler = new VirtualTimeScheduler();
    let returned = false;
    let signalled: AbortSignal | undefined;
    const source = {
      [Symbol.asyncIterator]: (signal?: AbortSignal) => {
        signalled = signal;
        let asked = 0;
        return {
          next: () =>
            (asked += 1) < 3 ? Promise.resolve({ value: asked, done: false }) : new Promise<never>(() => undefined),
          return: () => ((returned = true), new Promise<never>(() => undefined)),
        };
      },
    };
    const values = timeout({ ms: 10, scheduler })(source as AsyncIterable<number>)[Symbol.asyncIterator]();
    expect(await values.next()).toMatchObject({ value: 1 });
    scheduler.maxFrames = 1000;
    scheduler.flush(); // nobody asks: nothing is measured
    expect(await values.next()).toMatchObject({ value: 2 });
    const late = values.next();
    const error = late.then(undefined, (e: unknown) => e);
    await arrived();
    scheduler.flush();

    expect(await error).toBeInstanceOf(SourceError);
    expect(await error).toMatchObject({ batch: 2, message: 'timeout: the source must give each value within 10 ms, value 3 is late' }); // prettier-ignore
    expect([returned, signalled!.aborted]).toStrictEqual([true, true]);
  });

  it('gives each value all of its time, and not more', async () => {
    const scheduler = new VirtualTimeScheduler();
    const at = (frame: number) => new Promise<number>((resolve) => scheduler.schedule(() => resolve(frame), frame));
    const source = async function* () {
      yield at(9);
      await new Promise(() => undefined);
    };
    const values = timeout({ ms: 10, scheduler })(source())[Symbol.asyncIterator]();
    const until = async (frame: number) => {
      await arrived();
      scheduler.maxFrames = frame;
      scheduler.flush();
      await arrived();
    };
    const first = values.next();
    await until(9);
    expect(await first).toMatchObject({ value: 9 });
    let error: unknown;
    values.next().catch((thrown: unknown) => (error = thrown));
    await until(18);
    expect(error).toBeUndefined();
    await until(19);
    expect(error).toMatchObject({ batch: 1 });
  });

  it('closes the source at early exit, and waits for that', async () => {
    const { source, seen } = watched([1, 2]);
    for await (const _ of timeout({ ms: 1000 })(source)) break;
    expect(seen).toMatchObject({ pulled: 1, closed: 1 });
  });

  it('hands the abort signal on to its source', async () => {
    const { source, seen } = watched([1]);
    const abort = new AbortController();
    await timeout({ ms: 1000 })(source)[Symbol.asyncIterator](abort.signal).next();
    abort.abort();
    expect(seen.signals[0]!.aborted).toBe(true);
  });

  it('has said all there is to say: what a late source does then goes nowhere', async () => {
    const { promise, reject } = deferred<never>();
    const source = {
      [Symbol.asyncIterator]: () => ({ next: () => promise, return: () => Promise.reject(new Error('not closed')) }),
    };
    const unheard: unknown[] = [];
    const hear = (error: unknown) => unheard.push(error);
    process.prependOnceListener('unhandledRejection', hear);
    await expect(collect(timeout({ ms: 1 })(source))).rejects.toThrow('value 1 is late');
    reject(new Error('disk gone'));
    await settle();
    process.off('unhandledRejection', hear);
    expect(unheard).toStrictEqual([]);
  });

  it('does not hold a blocked event loop against the source', async () => {
    const source = async function* () {
      await new Promise((resolve) => setTimeout(resolve, 8));
      yield 1;
    };
    const given = collect(timeout({ ms: 10 })(source()));
    await arrived();
    const end = performance.now() + 15;
    while (performance.now() < end); // a long step
    expect(await given).toStrictEqual([1]);
  });

  it('disposes a value that comes too late', async () => {
    let give!: (value: { xs: tf.Tensor }) => void;
    const late = new Promise<{ xs: tf.Tensor }>((resolve) => (give = resolve));
    const source = async function* () {
      yield await late;
    };
    await expect(collect(timeout({ ms: 1 })(source()))).rejects.toThrow('value 1 is late');
    const xs = tf.scalar(1);
    give({ xs });
    await vi.waitFor(() => expect(xs.isDisposed).toBe(true));
  });

  it('works in pipe, and refuses what is no time', async () => {
    expect(await collect(from([1, 2]).pipe(timeout({ ms: 1000 })))).toStrictEqual([1, 2]);
    expect(() => timeout({ ms: 0 })).toThrow(ArgumentError);
  });
});
