import fc from 'fast-check';

import type { TrainingEvent } from '../../src/core/events.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import type { Shown, TagValue } from './eventFiles.js';

export type { Shown } from './eventFiles.js';

/** The folders of a run. */
export const RUNS = ['train', 'validation', 'validation-averaged'];

/** What TensorBoard is to show of events: by run and tag, the steps and values in float32. */
export function shown(events: readonly TrainingEvent[]): Shown {
  const all: Shown = {};
  for (const event of events) {
    const put = (run: string, tag: string, value: TagValue | undefined): void => {
      if (value === undefined) return;
      const float = typeof value === 'number' ? Math.fround(value) : value;
      ((all[run] ??= {})[tag] ??= []).push([event.globalStep, float]);
    };
    const numbers = (run: string, given: Readonly<Record<string, number | undefined>>): void =>
      Object.entries(given).forEach(([tag, value]) => put(run, tag, value));
    if (event.type === 'step') {
      const { loss, metrics, learningRate, gradientNorm, samplesPerSecond, ema, nonFinite } = event;
      numbers('train', { loss, ...metrics, learningRate, gradientNorm, samplesPerSecond });
      Object.entries(ema).forEach(([name, value]) => put('train', `ema/${name}`, value));
      if (nonFinite) put('train', 'events/nonFinite', ['text', `${nonFinite.what}: the step was ${nonFinite.action}`]);
    }
    if (event.type === 'validation') {
      const run = event.weights ? 'validation-averaged' : 'validation';
      numbers(run, { loss: event.loss, ...event.metrics });
      Object.entries(event.ema).forEach(([name, value]) => put(run, `ema/${name.slice('validation.'.length)}`, value));
    }
    if (event.type === 'text') put('train', event.name, ['text', event.text]);
    if (event.type === 'image') put('train', event.name, imagesOf(event.images));
    if (event.type === 'histogram') {
      const { name, edges, counts, sum, sumOfSquares, nonFinite } = event;
      const num = counts.reduce((a, b) => a + b, 0);
      // Protocol buffers leave 0 out.
      const parts = [edges[0] ?? 0, edges.at(-1) ?? 0, num, sum, sumOfSquares].map((n) => (Object.is(n, 0) ? [] : [n]));
      if (num > 0) put('train', name, { histo: [...parts, edges.slice(1), [...counts]] });
      if (nonFinite > 0) put('train', `${name}/nonFinite`, nonFinite);
    }
    if (event.type === 'change') put('train', `events/change/${event.what}`, ['text', `${event.from} → ${event.to}`]);
    if (event.type === 'checkpoint')
      put('train', 'events/checkpoint', ['text', `\`${event.name}\` (${event.reason}${event.best ? ', the best so far' : ''})`]); // prettier-ignore
    if (event.type === 'end') put('train', 'events/end', ['text', event.reason]);
  }
  return all;
}

/** As the plugin has them: width and height from the PNG's own head, then the files. */
function imagesOf(urls: readonly string[]): string[] {
  const files = urls.map((url) => url.slice(url.indexOf(',') + 1));
  const head = Buffer.from(files[0]!, 'base64');
  const size = [16, 20].map((at) => Buffer.from(String(head.readUInt32BE(at))).toString('base64'));
  return ['images', ...size, ...files];
}

const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==';
const number = fc.double();
const tag = fc.constantFrom('accuracy', 'mae', 'f1 score', 'größe');
const numbers = fc.dictionary(tag, number, { maxKeys: 3 });
const kinds = fc.record({
  step: fc.record({
    loss: number,
    metrics: numbers,
    learningRate: number,
    gradientNorm: number,
    ema: fc.constant({ loss: 0.25 }),
  }),
  validation: fc.option(
    fc.record({ loss: number, metrics: numbers, weights: fc.constantFrom(undefined, 'averaged' as const) }),
  ),
  histogram: fc.option(
    fc.record({
      least: fc.float({ noNaN: true, min: -9, max: 9 }),
      counts: fc.array(fc.nat(9), { minLength: 1, maxLength: 5 }),
      nonFinite: fc.nat(2),
    }),
  ),
  text: fc.option(fc.string({ unit: 'grapheme' })),
  image: fc.boolean(),
  change: fc.boolean(),
});

/** Runs of up to ten steps with events of all kinds; each tag once a step. */
export const anyRun: fc.Arbitrary<readonly TrainingEvent[]> = fc
  .array(kinds, { minLength: 1, maxLength: 10 })
  .map((all) =>
    all.flatMap(({ step, validation, histogram, text, image, change }, i): TrainingEvent[] => {
      const place = { globalStep: i + 1, epoch: 1 };
      const { least, counts, nonFinite } = histogram ?? { least: 0, counts: [], nonFinite: 0 };
      const edges = [...counts.map((_, bin) => least + bin), least + counts.length];
      const { weights, ...held } = validation ?? {};
      return [
        ...(change ? [{ type: 'change' as const, ...place, what: 'alpha.loss', from: 1, to: 2 }] : []),
        stepEvent(i + 1, step),
        ...(histogram
          ? [
              {
                type: 'histogram' as const,
                ...place,
                name: 'weights/w',
                edges,
                counts,
                sum: 1,
                sumOfSquares: 2,
                nonFinite,
              },
            ]
          : []),
        ...(validation ? [validationEvent(i + 1, { ...held, ...(weights && { weights }) })] : []),
        ...(text === null ? [] : [{ type: 'text' as const, ...place, name: 'sample', text }]),
        ...(image ? [{ type: 'image' as const, ...place, name: 'pixels', images: [PIXEL, PIXEL] }] : []),
      ];
    }),
  );
