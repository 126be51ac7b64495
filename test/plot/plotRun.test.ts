import { decode } from 'fast-png';
import { from, of, throwError } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { ArgumentError } from '../../src/core/errors.js';
import type { StepEvent, TrainingEvent, ValidationEvent } from '../../src/core/events.js';
import { plotRun } from '../../src/plot/plotRun.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { eventLine } from '../../src/trainer/eventLine.js';
import { replay } from '../../src/trainer/replay.js';
import { svgPicture } from './svgPicture.js';

const CLOUD = '#bcd3f1';
const STEPS = '#5d93d8';
const AVERAGE = '#123f7d';
const VALIDATION = '#d9662b';
const CROSS = '#c2334d';

/** A step of two micro-batches around a loss that falls. */
const step = (globalStep: number, differing: Partial<StepEvent> = {}): StepEvent => {
  const loss = 0.1 + 3 / Math.sqrt(globalStep) + 0.2 * Math.sin(globalStep * 7);
  const microBatches = [loss - 0.2, loss + 0.2].map((each) => ({
    loss: each,
    weight: 1,
    metrics: { accuracy: 1 / (1 + each) },
  }));
  return stepEvent(globalStep, {
    ...{ loss, microBatches, metrics: { accuracy: 1 / (1 + loss) }, learningRate: 0.001 * globalStep },
    ema: { loss: 3 / Math.sqrt(globalStep) },
    ...differing,
  });
};
/** A run with a validation behind every tenth step. */
const run = (steps: number): TrainingEvent[] =>
  Array.from({ length: steps }, (_, i) => i + 1).flatMap((s) =>
    s % 10 === 0
      ? [step(s), validationEvent(s, { loss: 3.5 / Math.sqrt(s), metrics: { accuracy: 0.01 * s } })]
      : [step(s)],
  );
const stepsOf = (events: readonly TrainingEvent[]) =>
  events.filter((event): event is StepEvent => event.type === 'step');
const places = (events: readonly (StepEvent | ValidationEvent)[]) =>
  events.map(({ globalStep, loss }): [number, number] => [globalStep, loss]);

/** Equal up to half a pixel. */
function expectPlaces(seen: readonly [number, number][], wanted: readonly [number, number][], panel = 3.5): void {
  expect(seen.map(([x]) => Math.round(x))).toStrictEqual(wanted.map(([x]) => x));
  seen.forEach(([, y], i) => expect(Math.abs(y - wanted[i]![1])).toBeLessThan(panel / 200));
}
/** Ids count up, picture by picture. */
const withoutIds = (svg: string) => svg.replace(/zr\d+-/g, '').replace(/cls-\d+/g, '');

describe('plotRun', () => {
  const events = run(60);
  const validations = events.filter((event): event is ValidationEvent => event.type === 'validation');

  it('draws every micro-batch, step, average and validation where it belongs', async () => {
    const picture = svgPicture(await plotRun(events, { title: 'First' }));
    const [cloud, ...others] = [
      picture.cloud(CLOUD),
      picture.lines(STEPS),
      picture.lines(AVERAGE),
      picture.lines(VALIDATION),
    ];

    expectPlaces(
      cloud.map(([x, y]) => [x, y - 0.02]), // from a corner of a square of 2.4 pixels to its middle
      stepsOf(events).flatMap(({ globalStep, microBatches }) =>
        microBatches.map(({ loss }): [number, number] => [globalStep, loss]),
      ),
    );
    expect(others.map((lines) => lines.length)).toStrictEqual([1, 1, 1]);
    expectPlaces(others[0]![0]!, places(stepsOf(events)));
    expectPlaces(others[1]![0]!, stepsOf(events).map(({ globalStep, ema }) => [globalStep, ema['loss']!])); // prettier-ignore
    expectPlaces(others[2]![0]!, places(validations));
    expectPlaces(picture.marks(VALIDATION), places(validations));
    expect(picture.marks(CROSS)).toStrictEqual([]);
  });

  it('says what is what: title, legend, panel, and one axis of global steps', async () => {
    const { texts, size } = svgPicture(await plotRun(events, { title: 'First' }));

    expect(texts).toEqual(expect.arrayContaining(['First', 'micro-batches', 'steps', 'average', 'validation', 'loss']));
    expect(texts.filter((text) => text === 'global step')).toHaveLength(1);
    expect(size).toStrictEqual([900, 440]);
  });

  it('has axes that hold all there is, and little more', async () => {
    const { steps, values } = svgPicture(await plotRun(events));
    const highest = Math.max(...stepsOf(events).flatMap(({ microBatches }) => microBatches.map(({ loss }) => loss)));

    expect([steps[0], steps.at(-1)]).toStrictEqual([0, 60]);
    expect(values[0]).toBe(0);
    expect(values.at(-1)).toBeGreaterThanOrEqual(highest);
    expect(values.at(-1)).toBeLessThan(highest * 1.25);
  });

  it('begins its axis where a run begins that goes on', async () => {
    const { steps } = svgPicture(await plotRun(run(60).filter(({ globalStep }) => globalStep >= 41)));
    expect([steps[0], steps.at(-1)]).toStrictEqual([41, 60]);
  });

  it('has a panel for each name, with the same curves for a metric, on the same axis', async () => {
    const panels = ['accuracy', 'learningRate'];
    const { texts, lines, marks, cloud, size } = svgPicture(await plotRun(events, { panels }));

    expect(texts).toEqual(expect.arrayContaining(['accuracy', 'learning rate']));
    expect(texts).not.toContain('loss');
    expect(cloud(CLOUD)).toHaveLength(120);
    expectPlaces(marks(VALIDATION), validations.map(({ globalStep, metrics }) => [globalStep, metrics['accuracy']!]), 1); // prettier-ignore
    expect(
      lines(STEPS).map((line) => [line.length, Math.round(line[0]![0]), Math.round(line.at(-1)![0])]),
    ).toStrictEqual(
      [[60, 1, 60], [60, 1, 60]], // prettier-ignore
    );
    expect(size).toStrictEqual([900, 580]);
  });

  it('tells several runs apart by colour and name, each once in the legend', async () => {
    const { texts, lines, cloud } = svgPicture(await plotRun({ first: events, second: run(40) }));

    for (const name of ['first', 'first, validation', 'second', 'second, validation'])
      expect(texts.filter((text) => text === name)).toHaveLength(1);
    // The average, the steps, the validations.
    expect(lines('#1f5fbf').map(({ length }) => length)).toStrictEqual([60, 60, 6]);
    expect(lines('#d9662b').map(({ length }) => length)).toStrictEqual([40, 40, 4]);
    expect(cloud(CLOUD)).toStrictEqual([]);
  });

  it('makes room for a legend of several lines', async () => {
    const names = Array.from({ length: 9 }, (_, i) => `run number ${i + 1}, as long as this`);
    const svg = await plotRun(Object.fromEntries(names.map((name) => [name, run(20)])), { width: 700 });
    const heights = [...svg.matchAll(/<text [^>]*translate\([\d.]+ ([\d.]+)\)[^>]*>([^<]*)</g)];
    const top = (wanted: string) => Number(heights.find(([, , text]) => text === wanted)![1]);

    expect(top(`${names[8]!}, validation`)).toBeGreaterThan(top(names[0]!) + 100);
    expect(top('loss')).toBeGreaterThan(top(`${names[8]!}, validation`) + 20);
    expect(top('loss')).toBeLessThan(top(`${names[8]!}, validation`) + 80);
  });

  it.each([
    ['an Observable', () => from(events)],
    ['an iterable', () => new Set(events)],
    ['an async generator', async function* () { yield* events; }], // prettier-ignore
    ['a recording', () => replay(events.map((event) => `${eventLine(event)}\n`))],
  ])('takes %s as it takes an array', async (_, given) => {
    expect(withoutIds(await plotRun(given()))).toBe(withoutIds(await plotRun(events)));
  });

  it('rejects with what a run errors with', async () => {
    await expect(plotRun(throwError(() => new Error('disk gone')))).rejects.toThrow('disk gone');
  });
});

describe('a run with little in it', () => {
  it('says so if it is empty', async () => {
    for (const none of [[], {}, of<TrainingEvent>({ type: 'end', globalStep: 0, epoch: 1, reason: 'until' })])
      expect(svgPicture(await plotRun(none, { panels: ['loss', 'accuracy'] })).texts).toContain('no steps');
  });

  it('shows a single step in the middle', async () => {
    const { marks, steps } = svgPicture(await plotRun([stepEvent(7, { loss: 0.5 })]));
    expect(steps).toStrictEqual([6, 7, 8]);
    expectPlaces(marks(STEPS), [[7, 0.5]]);
    expect(marks(STEPS)).toHaveLength(1);
  });

  it('shows a single validation', async () => {
    const { marks, texts } = svgPicture(await plotRun([step(1), step(2), validationEvent(2, { loss: 1.5 })]));
    expectPlaces(marks(VALIDATION), [[2, 1.5]]);
    expect(texts).toContain('validation');
  });

  it('draws no micro-batches where a step has one, which it is', async () => {
    const { cloud, texts } = svgPicture(await plotRun([1, 2, 3].map((s) => stepEvent(s, { loss: s }))));
    expect(cloud(CLOUD)).toStrictEqual([]);
    expect(texts).not.toContain('micro-batches');
  });
});

describe('values that are not finite', () => {
  const wrong = { 11: NaN, 12: Infinity, 13: -Infinity } as Record<number, number>;
  const broken = Array.from({ length: 30 }, (_, i) => i + 1).map((s) =>
    s in wrong
      ? step(s, { loss: wrong[s]!, ema: { loss: NaN }, microBatches: [{ loss: wrong[s]!, weight: 1, metrics: {} }] })
      : step(s),
  );

  it('are gaps, and crosses in the frame', async () => {
    const picture = svgPicture(await plotRun(broken));
    const ends = (line: readonly [number, number][]) => [line[0], line.at(-1)].map((place) => Math.round(place![0]));

    for (const colour of [STEPS, AVERAGE])
      expect(picture.lines(colour).map(ends)).toStrictEqual([[1, 10], [14, 30]]); // prettier-ignore
    expect(picture.marks(CROSS).map(([x]) => Math.round(x))).toStrictEqual([11, 12, 13]);
    const [low, high] = [picture.values[0]!, picture.values.at(-1)!];
    picture.marks(CROSS).forEach(([, y]) => expect(y).toSatisfy((at: number) => at > low && at <= high));
    expect(picture.texts).toContain('not finite');
    expect(await plotRun(broken)).not.toMatch(/NaN|Infinity/);
  });

  it('may be all there is', async () => {
    const { marks, lines } = svgPicture(await plotRun([1, 2].map((s) => stepEvent(s, { loss: NaN }))));
    expect(marks(CROSS).map(([x]) => Math.round(x))).toStrictEqual([1, 2]);
    expect(lines(STEPS)).toStrictEqual([]);
  });
});

describe('a long run', () => {
  it('stays small and quick, and keeps its extremes', async () => {
    const long = run(100_000).map((event) =>
      event.type === 'step' && event.globalStep === 77_777 ? { ...event, loss: 9 } : event,
    );
    const before = process.cpuUsage();
    const svg = await plotRun(long);
    const { user, system } = process.cpuUsage(before);
    const { lines, cloud, values } = svgPicture(svg);
    const [x, y] = lines(STEPS)[0]!.reduce((highest, place) => (place[1] > highest[1] ? place : highest));

    expect(svg.length).toBeLessThan(150_000);
    expect((user + system) / 1e6).toBeLessThan(5); // seconds of processor; about 1 is usual
    expect(values.at(-1)).toBeGreaterThanOrEqual(9);
    expect(Math.abs(x - 77_777)).toBeLessThan(125);
    expect(y).toBeCloseTo(9, 1);
    expect(cloud(CLOUD)).toStrictEqual([]);
    expect(lines(CLOUD)).toHaveLength(1);
  });
});

describe('a PNG', () => {
  afterEach(() => {
    vi.doUnmock('@resvg/resvg-js');
    vi.resetModules();
  });

  it('has the size that was asked for, and what the SVG shows', async () => {
    const bytes = await plotRun(run(60), { format: 'png', width: 640, height: 360 });
    const { width, height, data, channels } = decode(bytes);
    const pixels = Array.from({ length: width * height }, (_, i) =>
      [...data.subarray(i * channels, i * channels + 3)].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
    );
    const count = (colour: string) => pixels.filter((pixel) => `#${pixel}` === colour).length;

    expect(bytes).toBeInstanceOf(Uint8Array);
    expect([width, height]).toStrictEqual([640, 360]);
    expect(count('#ffffff')).toBeGreaterThan(0.8 * width * height);
    for (const colour of [CLOUD, AVERAGE, VALIDATION]) expect(count(colour)).toBeGreaterThan(40);
    // Text: dark pixels where the legend is, and nothing else could be.
    const legend = pixels.slice(0, 30 * width).filter((pixel) => parseInt(pixel.slice(0, 2), 16) < 0x60);
    expect(legend.length).toBeGreaterThan(100);
  });

  it('is refused where there is no font, instead of a picture without words', async () => {
    vi.doMock('@resvg/resvg-js', () => ({ Resvg: class { getBBox() {} } })); // prettier-ignore
    const fresh = await import('../../src/plot/plotRun.js');
    await expect(fresh.plotRun([step(1)], { format: 'png' })).rejects.toThrow(/needs a font.*fonts-liberation/);
  });

  it('says which package it needs', async () => {
    vi.doMock('@resvg/resvg-js', () => {
      throw new Error('not installed');
    });
    const fresh = await import('../../src/plot/plotRun.js');
    await expect(fresh.plotRun([step(1)], { format: 'png' })).rejects.toThrow(/'@resvg\/resvg-js' \(npm install/);
  });
});

describe('what cannot be drawn', () => {
  it('is a panel that no run has anything for, and says what there is', async () => {
    const refused = plotRun({ first: run(10), second: [] }, { panels: ['loss', 'acuracy'] });
    await expect(refused).rejects.toThrow(ArgumentError);
    await expect(refused).rejects.toThrow(/'acuracy' is not; there are .*accuracy/);
  });

  it('is more than there is room for, and says how much that needs', async () => {
    const panels = ['loss', 'learningRate'];
    for (const height of [100, 281])
      await expect(plotRun(run(10), { panels, height })).rejects.toThrow(/height must be at least 282 /);
    expect(svgPicture(await plotRun(run(10), { panels, height: 282 })).size).toStrictEqual([900, 282]);
  });

  it.each([{ width: 0 }, { height: 1.5 }, { width: NaN }])('is %o', async (options) => {
    await expect(plotRun([step(1)], options)).rejects.toThrow(ArgumentError);
  });
});
