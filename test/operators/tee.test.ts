import { concat, EMPTY, from, lastValueFrom, NEVER, of, Subject, throwError, timer, toArray } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { tee, type Sink, type TeeOptions } from '../../operators/tee.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { SinkError } from '../../src/core/sinkError.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { marbles } from '../support/marbles.js';

const events = {
  1: stepEvent(1),
  2: stepEvent(2),
  3: stepEvent(3),
  4: stepEvent(4),
  5: stepEvent(5),
  6: stepEvent(6),
  V: validationEvent(2),
  E: { type: 'end', globalStep: 6, epoch: 1, reason: 'epochs' } as TrainingEvent,
};

afterEach(() => void vi.restoreAllMocks());

describe('tee', () => {
  it('gives every event to the sink and passes it on, and ends after the sink has', () => {
    const log: unknown[] = [];
    from([events[1], events[2]])
      .pipe(
        tee({
          next: ({ globalStep }) => void log.push(`sink ${globalStep}`),
          complete: () => of(1).pipe(() => (log.push('closing'), EMPTY)),
        }),
      )
      .subscribe({ next: ({ globalStep }) => log.push(globalStep), complete: () => log.push('done') });

    expect(log).toStrictEqual(['sink 1', 1, 'sink 2', 2, 'closing', 'done']);
  });

  it(
    'lets an event go on once the sink is through with it',
    marbles((m) => {
      const source = m.cold('  12---|', events);
      const expected = m.cold('--1-2|', events);

      m.expect(source.pipe(tee(() => timer(2)))).toBeObservable(expected);
    }),
  );

  it('tells the sink of an error, and ends the run with what a sink throws', () => {
    const told: unknown[] = [];
    throwError(() => 'broken')
      .pipe(tee({ next: () => undefined, error: (e) => void told.push(e) }))
      .subscribe({ error: () => undefined });
    const source = new Subject<TrainingEvent>();
    let error: unknown;
    source.pipe(tee(() => throwError(() => 'disk full'))).subscribe({ error: (e) => (error = e) });
    source.next(events[1]);

    expect(told).toStrictEqual(['broken']);
    expect(error).toBeInstanceOf(SinkError);
    expect(error).toMatchObject({
      cause: 'disk full',
      message: 'tee: the sink must take the step event of global step 1, it failed: disk full',
    });
  });

  it(
    'ends the run when the sink takes longer than it may, for an event or for the end',
    marbles((m) => {
      const late = (what: string) =>
        new SinkError(`tee: the sink must take ${what}, it failed: it took longer than 3 ms`);
      const source = m.cold('  1------|', events);
      const expected = m.cold('---#    ', {}, late('the step event of global step 1'));
      const other = m.cold('   1-|', events);
      const closing = m.cold(' 1----#', events, late('the end'));
      const intime = m.cold('  1--|', events);
      const fine = m.cold('    --1|', events);

      m.expect(source.pipe(tee(() => NEVER, { timeoutMs: 3 }))).toBeObservable(expected);
      m.expect(other.pipe(tee({ next: () => undefined, complete: () => NEVER }, { timeoutMs: 3 }))).toBeObservable(
        closing,
      );
      m.expect(intime.pipe(tee(() => timer(2), { timeoutMs: 3 }))).toBeObservable(fine);
    }),
  );

  it('keeps the error of the run beside that of a sink which fails on hearing of it', () => {
    let error: unknown;
    throwError(() => new Error('broken'))
      .pipe(
        tee({
          next: () => undefined,
          error: () => {
            throw new Error('deaf');
          },
        }),
      ) // prettier-ignore
      .subscribe({ error: (e) => (error = e) });

    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors.map(String)).toStrictEqual([
      'Error: broken',
      'SinkError: tee: the sink must take the error of the run, it failed: deaf',
    ]);
  });

  it('rejects what is no sink', () => {
    expect(() => tee({} as never)).toThrow(ArgumentError);
    expect(() => tee(undefined as never)).toThrow(ArgumentError);
    expect(() => tee(() => undefined, { timeoutMs: 0 })).toThrow(ArgumentError);
  });
});

/** A sink that takes 4 frames for an event and 2 for the end, and writes down what it is told, and when. */
function recorder(now: () => number): { log: string[]; sink: Required<Sink<TrainingEvent>> } {
  const log: string[] = [];
  const note = (what: string, frames: number) => {
    log.push(`${now()} ${what}`);
    return frames > 0 ? timer(frames) : undefined;
  };
  const letters: Record<string, string> = { validation: 'V', end: 'E' };
  return {
    log,
    sink: {
      next: ({ type, globalStep }) => note(letters[type] ?? String(globalStep), 4),
      dropped: (count) => note(`dropped ${count}`, 0),
      error: (error) => note(String(error), 2),
      complete: () => note('|', 2),
      unsubscribe: () => void note('unsubscribed', 0),
    },
  };
}

describe('tee that does not wait', () => {
  it.each<[string, NonNullable<TeeOptions['whenBusy']>, string[], string]>([
    ['drops steps', 'drop', ['0 1', '4 dropped 2', '4 V', '8 dropped 3', '8 E', '12 |'], '12V3-456E-----|'],
    [
      'keeps the newest step',
      'latest',
      ['0 1', '4 dropped 1', '4 V', '8 dropped 3', '8 6', '12 E', '16 |'],
      '12V3-456E---------|',
    ],
    [
      'keeps the newest two steps',
      { buffer: 2 },
      ['0 1', '4 2', '8 dropped 2', '8 V', '12 5', '16 6', '20 E', '24 |'],
      '12V3-456E-----------------|',
    ],
    [
      'keeps all that there is room for',
      { buffer: 9 },
      ['0 1', '4 2', '8 V', '12 3', '16 4', '20 5', '24 6', '28 E', '32 |'],
      '12V3-456E-------------------------|',
    ],
  ])('%s while the sink is busy, and every event that is none; the end waits', (_, whenBusy, told, output) =>
    marbles((m) => {
      const source = m.cold<TrainingEvent>('12V3-456(E|)', events);
      const expected = m.cold<TrainingEvent>(output, events);
      const { log, sink } = recorder(() => m.scheduler.now());

      m.expect(source.pipe(tee(sink, { whenBusy }))).toBeObservable(expected);
      m.expect(source).toHaveSubscriptions('^-------!');
      m.flush();
      expect(log).toStrictEqual(told);
    })(),
  );

  it(
    'tells the sink of an error when it has taken what waits, and lets it pass then',
    marbles((m) => {
      const source = m.cold('  12#', events, 'broken');
      const expected = m.cold('12--------#', events, 'broken');
      const { log, sink } = recorder(() => m.scheduler.now());

      m.expect(source.pipe(tee(sink, { whenBusy: 'latest' }))).toBeObservable(expected);
      m.flush();
      expect(log).toStrictEqual(['0 1', '4 2', '8 broken']);
    }),
  );

  it.each<[string, string, string, string[]]>([
    ['while the run goes on', '--!', '1V', ['0 1', '2 unsubscribed']],
    ['while the end waits', '-----!', '1V2', ['0 1', '4 dropped 1', '4 V', '5 unsubscribed']],
    ['while the sink ends', '---------!', '1V2', ['0 1', '4 dropped 1', '4 V', '8 |']],
  ])('stops when it is unsubscribed %s', (_, unsubscription, output, told) =>
    marbles((m) => {
      const source = m.cold('1V2|', events);
      const { log, sink } = recorder(() => m.scheduler.now());
      const run$ = source.pipe(tee(sink, { whenBusy: 'drop' }));

      m.expect(run$, unsubscription).toBeObservable(m.cold(output, events));
      m.flush();
      expect(log).toStrictEqual(told);
    })(),
  );

  it(
    'ends the run when the sink fails, is late, or cannot take the end, also while the source is silent',
    marbles((m) => {
      const failure = (what: string, why: string) =>
        new SinkError(`tee: the sink must take ${what}, it failed: ${why}`);
      const failing = {
        next: () =>
          concat(
            timer(3),
            throwError(() => 'disk full'),
          ),
      };
      const closing = { next: () => undefined, complete: () => throwError(() => 'disk full') };
      const first = 'the step event of global step 1';

      m.expect(m.cold('12-------|', events).pipe(tee(failing, { whenBusy: 'latest' }))).toBeObservable(
        m.cold('       12-#', events, failure(first, 'disk full')),
      );
      m.expect(m.cold('12-------|', events).pipe(tee(() => NEVER, { whenBusy: 'drop', timeoutMs: 5 }))).toBeObservable(
        m.cold('       12---#', events, failure(first, 'it took longer than 5 ms')),
      );
      m.expect(m.cold('12-|', events).pipe(tee(closing, { whenBusy: { buffer: 3 } }))).toBeObservable(
        m.cold('       12-#', events, failure('the end', 'disk full')),
      );
    }),
  );

  it('gives a sink that is done at once each event before it passes, and drops none', () => {
    const log: unknown[] = [];
    from([events[1], events[2], events.E])
      .pipe(tee((event) => void log.push(event), { whenBusy: 'drop' }))
      .subscribe((event) => log.push(event));

    expect(log).toStrictEqual([events[1], events[1], events[2], events[2], events.E, events.E]);
  });

  it('takes what is no event for a step', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    const taken: number[] = [];
    const sink = ({ n }: { n: number }) => (taken.push(n), Promise.resolve());
    await lastValueFrom(from([{ n: 1 }, { n: 2 }, { n: 3 }]).pipe(tee(sink, { whenBusy: 'drop' })));

    expect(taken).toStrictEqual([1]);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it('gives on a long backlog without a long stack', async () => {
    let taken = 0;
    const many = Array.from({ length: 20_000 }, (_, i) => stepEvent(i + 1));
    const sink = () => (taken++ === 0 ? Promise.resolve() : undefined);
    await lastValueFrom(from(many).pipe(tee(sink, { whenBusy: { buffer: 100_000 } })));

    expect(taken).toBe(20_000);
  });

  it('says on the console, once, how many steps a sink was not given that does not want to be told', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    const slow = () => Promise.resolve();
    const [one, two] = [of(events[1], events[2], events[3], events.E), of(events[1], events.V)];
    await lastValueFrom(one.pipe(tee(slow, { whenBusy: 'drop' })));
    await lastValueFrom(two.pipe(tee(slow, { whenBusy: 'drop' }))); // nothing dropped, nothing said

    expect(warn.mock.calls).toStrictEqual([['tee: the sink was busy, it was not given 2 steps']]);
  });

  it('begins anew with each subscription', async () => {
    const told: number[] = [];
    const sink = { next: () => Promise.resolve(), dropped: (count: number) => void told.push(count) };
    const run$ = of(events[1], events[2], events.E).pipe(tee(sink, { whenBusy: 'drop' }), toArray());

    expect(await lastValueFrom(run$)).toHaveLength(3);
    expect(await lastValueFrom(run$)).toHaveLength(3);
    expect(told).toStrictEqual([1, 1]);
  });

  it.each([{ buffer: 0 }, { buffer: 1.5 }, {}, 'block', null])('refuses whenBusy %j', (whenBusy) => {
    expect(() => tee(() => undefined, { whenBusy: whenBusy as never })).toThrow(ArgumentError);
  });
});
