import * as tf from '@tensorflow/tfjs';
import { concatMap, of, Subject, timer, map } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { readback } from '../../operators/readback.js';
import { ArgumentError, NonFiniteError } from '../../src/core/errors.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { max, mean } from '../../src/core/metric.js';
import { readSnapshot } from '../../src/core/readSnapshot.js';
import { RUN } from '../../src/core/run.js';
import { runState } from '../../src/core/runState.js';
import { bindTensors, tensors } from '../../src/core/tensors.js';
import type { StepResult } from '../../src/core/values.js';
import { stepEvent, stepResult, validationEvent } from '../../src/testing/steps.js';
import { marbles } from '../support/marbles.js';

const own = tensors();
afterEach(() => bindTensors(own));

const result = (globalStep: number, loss = globalStep) => stepResult({ globalStep, loss, microStep: globalStep });
const event = (globalStep: number) => stepEvent(globalStep, { loss: globalStep });

describe('readback', () => {
  it(
    'reads once per n steps, and emits the n events in order, the rest at the end',
    marbles((m) => {
      const source = m.cold('  -a-b-c-|', { a: result(1), b: result(2), c: result(3) });
      const expected = m.cold('---(12)(3|)', { 1: event(1), 2: event(2), 3: event(3) });

      m.expect(source.pipe(readback(2))).toBeObservable(expected);
    }),
  );

  it('reads the device exactly once per n steps', () => {
    let reads = 0;
    bindTensors({ ...own, read: (tensor) => ((reads += 1), own.read(tensor)) });
    const seen: number[] = [];
    of(...[1, 2, 3, 4, 5, 6].map((n) => result(n)))
      .pipe(readback(3))
      .subscribe(({ globalStep }) => seen.push(globalStep));

    expect([reads, seen]).toStrictEqual([2, [1, 2, 3, 4, 5, 6]]);
  });

  it(
    'keeps events that come in at their place',
    marbles((m) => {
      const given = { a: result(1), v: validationEvent(1), b: result(2), w: validationEvent(2) };
      const source = m.cold<StepResult | TrainingEvent>('-a-v-b----w|', given);
      const expected = m.cold('                           -----(1v2)w|', {
        1: event(1),
        v: given.v,
        2: event(2),
        w: given.w,
      });

      m.expect(source.pipe(readback(2))).toBeObservable(expected);
    }),
  );

  it('reduces the window by weight, and each metric as it declares', () => {
    const events: unknown[] = [];
    const reducers = { hit: mean, most: max };
    of(
      stepResult({
        globalStep: 1,
        microStep: 2,
        samples: 4,
        reducers,
        microBatches: [
          { loss: 2, weight: 3, metrics: { hit: 1, most: 5 } },
          { loss: 6, weight: 1, metrics: { hit: 0, most: 7 } },
        ],
      }),
    )
      .pipe(readback())
      .subscribe((e) => events.push(e));

    expect(events).toStrictEqual([
      stepEvent(1, {
        microStep: 2,
        samples: 4,
        loss: 3,
        metrics: { hit: 0.75, most: 7 },
        microBatches: [
          { loss: 2, weight: 3, metrics: { hit: 1, most: 5 } },
          { loss: 6, weight: 1, metrics: { hit: 0, most: 7 } },
        ],
      }),
    ]);
  });

  it(
    'makes later steps wait their turn while the device is read',
    marbles((m) => {
      bindTensors({ ...own, read: (tensor) => timer(3).pipe(concatMap(() => own.read(tensor))) });
      const source = m.cold('  ab---|', { a: result(1), b: result(2) });
      const expected = m.cold('---1--(2|)', { 1: event(1), 2: event(2) });

      m.expect(source.pipe(readback())).toBeObservable(expected);
    }),
  );

  it('stops at a loss that is NaN, after the events before it', () => {
    const seen: number[] = [];
    let error: unknown;
    of(result(1), result(2), result(3, NaN), result(4))
      .pipe(readback(4))
      .subscribe({ next: ({ globalStep }) => seen.push(globalStep), error: (e) => (error = e) });

    expect(seen).toStrictEqual([1, 2]);
    expect(error).toBeInstanceOf(NonFiniteError);
    expect(error).toMatchObject({
      what: 'loss',
      globalStep: 3,
      message: expect.stringContaining('received NaN') as string,
    });
  });

  it('reports NaN and goes on if asked to, and always where the step was skipped', () => {
    const seen: unknown[] = [];
    const note = map((e: { nonFinite?: unknown }) => e.nonFinite);
    of(result(1, NaN), result(2))
      .pipe(readback(1, { nonFinite: 'keep' }), note)
      .subscribe((n) => seen.push(n));
    of(
      { ...result(1, Infinity), finite: tf.scalar(0) },
      { ...result(2), finite: tf.scalar(0) },
      { ...result(3), finite: tf.scalar(1) },
    )
      .pipe(readback(), note)
      .subscribe((n) => seen.push(n));
    of({ ...result(1), gradientNorm: tf.scalar(NaN) })
      .pipe(readback(1, { nonFinite: 'keep' }), note)
      .subscribe((n) => seen.push(n));

    expect(seen).toStrictEqual([
      { what: 'loss', action: 'kept' },
      undefined,
      { what: 'loss', action: 'skipped', count: 1 },
      { what: 'gradients', action: 'skipped', count: 2 },
      undefined,
      { what: 'gradients', action: 'kept' },
    ]);
  });

  it('makes the source wait while the device is read, and not before', () => {
    const device = new Subject<Float32Array>();
    bindTensors({ ...own, read: () => device });
    const log: string[] = [];
    const hold = () => (log.push('waits'), () => void log.push('goes on'));
    const source = new Subject<StepResult>();
    source.pipe(readback(2)).subscribe(({ globalStep }) => log.push(`event ${globalStep}`));
    source.next({ ...result(1), [RUN]: { hold } });
    expect(log).toStrictEqual([]);
    source.next({ ...result(2), [RUN]: { hold } });
    expect(log).toStrictEqual(['waits']);
    device.next(Float32Array.of(1, 2));
    device.complete();
    expect(log).toStrictEqual(['waits', 'event 1', 'event 2', 'goes on']);
  });

  it('goes on with what it held when it was saved, and reads when there are n steps', async () => {
    const given = (n: number, { state }: ReturnType<typeof runState>) => ({ ...result(n), [RUN]: { state } });
    const [first, cut] = [runState(), new Subject<StepResult>()];
    const before = cut.pipe(readback(3)).subscribe();
    cut.next(given(1, first));
    cut.next(given(2, first));
    const saving = first.state.snapshot();
    first.take();
    const { stages } = await readSnapshot((await saving)!);
    before.unsubscribe();

    const [second, seen] = [runState(stages), [] as number[]];
    const source = new Subject<StepResult>();
    source.pipe(readback(3)).subscribe(({ globalStep }) => seen.push(globalStep));
    source.next(given(3, second));
    expect(seen).toStrictEqual([1, 2, 3]);
    source.next(given(4, second));
    expect(seen).toStrictEqual([1, 2, 3]);
    source.complete();
    expect(seen).toStrictEqual([1, 2, 3, 4]);
  });

  it('frees the tensors of a read that is under way when it is unsubscribed', () => {
    const source = new Subject<StepResult>();
    bindTensors({ ...own, read: () => new Subject() });
    const run = source.pipe(readback()).subscribe();
    source.next(result(1));
    source.next(result(2));
    run.unsubscribe();

    expect(source.observed).toBe(false);
  });

  it('rejects arguments that can never be valid', () => {
    expect(() => readback(0)).toThrow(ArgumentError);
    expect(() => readback(1, { nonFinite: 'skip' as 'keep' })).toThrow(ArgumentError);
  });
});
