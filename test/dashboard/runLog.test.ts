import { from, lastValueFrom, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { ema } from '../../operators/ema.js';
import type { StepEvent, TrainingEvent } from '../../src/core/events.js';
import { append, shownOf, type Shown } from '../../src/dashboard/page/shown.js';
import type { Row } from '../../src/dashboard/protocol.js';
import { runLog } from '../../src/dashboard/runLog.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';

const WHOLE = { from: 0, to: Number.MAX_SAFE_INTEGER, pixels: 1000, every: 1 };
const step = (n: number, differing: Partial<StepEvent> = {}): StepEvent =>
  stepEvent(n, {
    loss: Math.sin(n),
    microBatches: [0.1, 0.7].map((more) => ({ loss: Math.sin(n) + more, weight: 1, metrics: {} })),
    ...differing,
  });
const logOf = (events: readonly TrainingEvent[]) => {
  const log = runLog();
  for (const event of events) log.add(event);
  return log;
};
const steps = (first: number, last: number): StepEvent[] =>
  Array.from({ length: last - first + 1 }, (_, i) => step(first + i));

describe('runLog', () => {
  it('has the numbers of each step, of validations, and what happened', () => {
    const log = logOf([
      step(1, { gradientNorm: 3, samplesPerSecond: 100, metrics: { accuracy: 0.5 }, timesMs: { data: 2 } }),
      validationEvent(1, { loss: 0.7, metrics: { accuracy: 0.6 } }),
      { type: 'checkpoint', globalStep: 1, epoch: 1, name: 'step-1', reason: 'steps', best: true, skipped: 0 },
      { type: 'change', globalStep: 2, epoch: 1, what: 'learningRate', from: 0.1, to: 0.05 },
      step(2, { loss: NaN, nonFinite: { what: 'loss', action: 'skipped' } }),
      { type: 'end', globalStep: 2, epoch: 1, reason: 'steps' },
    ]);
    const { steps: table, validation, notes, microBatches, lastStep } = log.series(WHOLE, 1);

    expect(table.steps).toStrictEqual([1, 2]);
    expect(table.columns).toMatchObject({
      loss: [Math.sin(1), null],
      learningRate: [step(1).learningRate, step(2).learningRate],
      gradientNorm: [3, null],
      samplesPerSecond: [100, null],
      'metric.accuracy': [0.5, null],
      'timeMs.data': [2, null],
    });
    expect(validation).toStrictEqual({ steps: [1], columns: { loss: [0.7], accuracy: [0.6] } });
    expect(microBatches.steps).toStrictEqual([0.5, 1, 1.5, 2]);
    expect(notes.map(({ kind, globalStep }) => [kind, globalStep])).toStrictEqual([
      ['checkpoint', 1],
      ['change', 2],
      ['skipped', 2],
      ['end', 2],
    ]);
    expect(notes[0]!.text).toContain('step-1, the best so far');
    expect(notes[1]!.text).toBe('learningRate 0.1 → 0.05');
    expect(lastStep).toBe(2);
  });

  it('leaves out micro-batches that weigh nothing, and what is not finite of the average', async () => {
    const events = [
      step(1),
      step(2, { microBatches: [{ loss: 9, weight: 0, metrics: {} }, { loss: NaN, weight: 1, metrics: {} }, { loss: 4, weight: 1, metrics: {} }] }), // prettier-ignore
      step(3),
    ];
    const averaged = await lastValueFrom(from<TrainingEvent[]>(events).pipe(ema('loss', { alpha: 0.3 }), toArray()));
    const { microBatches, steps: table } = logOf(events).series(WHOLE, 0.3);

    expect(microBatches.columns['loss']).toHaveLength(6);
    expect(table.columns['average']).toStrictEqual(averaged.map((event) => (event as StepEvent).ema['loss']));
  });

  it('averages anew for each alpha, and goes on from where it was', async () => {
    const log = runLog();
    const events = steps(1, 50);
    for (const part of [events.slice(0, 20), events.slice(20)]) {
      part.forEach((event) => log.add(event));
      for (const alpha of [0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 1, 0.01]) {
        const given = await lastValueFrom(from<TrainingEvent[]>(events).pipe(ema('loss', { alpha }), toArray()));
        const expected = given.map((event) => (event as StepEvent).ema['loss']);
        const { column, state } = {
          column: log.series(WHOLE, alpha).steps.columns['average']!,
          state: log.series(WHOLE, alpha).average,
        };
        expect(column).toStrictEqual(expected.slice(0, column.length));
        expect(state.value).toBe(column.at(-1));
      }
    }
  });

  it('takes back what a run that goes on gives again, and keeps what comes before', () => {
    const log = logOf([...steps(1, 10), validationEvent(4), validationEvent(8)]);
    log.note({ globalStep: 10, kind: 'error', text: 'killed' });
    const before = log.position;
    log.begin({ type: 'change', globalStep: 7 });
    log.add({ type: 'change', globalStep: 7, epoch: 1, what: 'learningRate', from: 1, to: 2 });
    for (const event of steps(7, 9)) log.add({ ...event, loss: 100 });
    const { steps: table, validation, microBatches, notes } = log.series(WHOLE, 1);

    expect(table.steps).toStrictEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(table.columns['loss']!.slice(5, 8)).toStrictEqual([Math.sin(6), 100, 100]);
    expect(table.columns['average']).toHaveLength(9);
    expect(microBatches.steps).toHaveLength(18);
    expect(validation.steps).toStrictEqual([4]);
    expect(notes.map(({ kind }) => kind)).toStrictEqual(['change']);
    expect(log.since(before)).toBeUndefined();
    expect(log.position.generation).not.toBe(before.generation);
  });

  it('averages what stays, and what was given again, and nothing of what was taken back', () => {
    const log = logOf(steps(1, 10));
    log.series(WHOLE, 0.3);
    const again = steps(7, 9).map((event) => ({ ...event, microBatches: [{ loss: 50, weight: 1, metrics: {} }] }));
    again.forEach((event) => log.add(event));

    expect(log.series(WHOLE, 0.3)).toMatchObject({
      steps: logOf([...steps(1, 6), ...again]).series(WHOLE, 0.3).steps,
      average: logOf([...steps(1, 6), ...again]).series(WHOLE, 0.3).average,
    });
  });

  it('begins anew where a run that was saved after its step goes on: the step stays', () => {
    const log = logOf([...steps(1, 5), validationEvent(5)]);
    log.begin({ type: 'validation', globalStep: 5 });

    expect(log.series(WHOLE, 1).steps.steps).toStrictEqual([1, 2, 3, 4, 5]);
    expect(log.series(WHOLE, 1).validation.steps).toStrictEqual([]);
  });

  it('takes a step that comes again for a run that goes on', () => {
    const { steps: table } = logOf([...steps(1, 5), ...steps(3, 4)]).series(WHOLE, 1);

    expect(table.steps).toStrictEqual([1, 2, 3, 4]);
  });

  it("knows no other log's positions: a server that was restarted begins anew", () => {
    const [one, other] = [logOf(steps(1, 5)), logOf(steps(1, 9))];

    expect(other.since(one.position)).toBeUndefined();
    expect(one.since(one.position)).toStrictEqual([]);
  });

  it('tells what came since, up to a thousand events; further back it is asked for as a whole', () => {
    const log = logOf(steps(1, 10));
    const start = log.position;
    steps(11, 1010).forEach((event) => log.add(event));
    expect(log.since(start)!.map(({ globalStep }) => globalStep)).toStrictEqual(
      steps(11, 1010).map(({ globalStep }) => globalStep),
    );
    steps(1011, 5000).forEach((event) => log.add(event));

    expect(log.since(start)).toBeUndefined();
    expect(log.since({ ...log.position, count: log.position.count - 1000 })).toHaveLength(1000);
    expect(log.since({ ...log.position, count: log.position.count + 1 })).toBeUndefined();
  });
});

describe('what the page makes of it', () => {
  const view = { range: undefined, alpha: 0.1, every: 1 };
  const whole = (log: ReturnType<typeof logOf>, every = 1): Shown =>
    shownOf('run', log.series({ ...WHOLE, every }, view.alpha));
  const sent = (rows: readonly Row[]): readonly Row[] => JSON.parse(JSON.stringify(rows)) as readonly Row[];
  const facts = ({ steps, microBatches, validation, notes, lastStep, position, average }: Shown) => ({
    steps,
    microBatches,
    validation,
    notes,
    lastStep,
    position,
    average,
  });

  it.each([1, 3])('is the same live as asked for as a whole, every %i steps', (every) => {
    const log = logOf(steps(1, 20));
    const shown = whole(log, every);
    for (const event of [...steps(21, 30), validationEvent(30, { loss: 3 }), ...steps(31, 40)]) {
      const from = log.position;
      log.add(event);
      expect(append(shown, { run: 'run', from, rows: sent(log.since(from)!) }, { ...view, every })).toBe(true);
    }

    expect(facts(shown)).toStrictEqual(facts(whole(log, every)));
  });

  it('passes over what it has, and asks anew if something is missing or has been taken back', () => {
    const log = logOf(steps(1, 3));
    const shown = whole(log);
    const from = log.position;
    steps(4, 9).forEach((event) => log.add(event));
    const rows = log.since(from)!;

    expect(append(shown, { run: 'run', from, rows: rows.slice(0, 4) }, view)).toBe(true);
    expect(append(shown, { run: 'run', from, rows }, view)).toBe(true); // the first four again
    expect(append(shown, { run: 'run', from, rows: rows.slice(0, 2) }, view)).toBe(true);
    expect(facts(shown)).toStrictEqual(facts(whole(log)));
    expect(append(shown, { run: 'run', from: { ...log.position, count: log.position.count + 1 }, rows }, view)).toBe(
      false,
    );
    expect(append(shown, { run: 'run', from: { ...from, generation: from.generation + 1 }, rows }, view)).toBe(false);
  });

  it('shows nothing beyond what has been zoomed into, and counts it all the same', () => {
    const log = logOf(steps(1, 10));
    const range = [2, 8] as const;
    const shown = shownOf('run', log.series({ ...WHOLE, from: 2, to: 8 }, view.alpha));
    const from = log.position;
    const before = shown.steps.steps.length;
    steps(11, 20).forEach((event) => log.add(event));
    append(shown, { run: 'run', from, rows: log.since(from)! }, { ...view, range });

    expect(shown.steps.steps).toHaveLength(before);
    expect(shown.lastStep).toBe(20);
    expect(shown.average).toStrictEqual(log.series(WHOLE, view.alpha).average);
  });
});
