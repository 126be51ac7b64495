import type { Change, ImageEvent, StepEvent, TrainingEvent } from '../../core/events.js';
import type { Histogram } from '../../core/histogram.js';
import { decodePngs } from './decodePngs.js';
import type { ValueMessage } from './messages.js';

/** `DataType.DT_STRING`. */
const STRING = 7;
/** `DataClass` of tags that hold tensors, and of those that hold big strings of bytes. */
const DATA_CLASS = { text: 2, images: 3 };

/** What TensorBoard is to have of an event, and in which run, which is a folder; undefined for kinds that are not known. */
export interface Written {
  readonly run: 'train' | 'validation' | 'validation-averaged';
  readonly values: readonly ValueMessage[];
}

/**
 * What is written of an event.
 *
 * Training and validation are runs with the same tags, so that one chart has both curves on one axis. What happens once has a tag for each kind: of a tag
 * TensorBoard keeps one value a step.
 */
export function valuesOf(event: TrainingEvent): Written | undefined {
  switch (event.type) {
    case 'step':
      return { run: 'train', values: ofStep(event) };
    case 'validation': {
      const { ema, loss, metrics, weights } = event;
      const run = weights === 'averaged' ? 'validation-averaged' : 'validation';
      return { run, values: scalars({ ...metrics, loss, ...averages(ema) }) };
    }
    case 'histogram':
      return { run: 'train', values: histogram(event) };
    case 'image':
      return { run: 'train', values: [images(event)] };
    case 'text':
      return { run: 'train', values: [text(event.name, event.text)] };
    case 'change':
      return { run: 'train', values: [change(event)] };
    case 'checkpoint': {
      const { best, name, reason } = event;
      return { run: 'train', values: [text('events/checkpoint', `\`${name}\` (${reason}${best ? ', the best so far' : ''})`)] }; // prettier-ignore
    }
    case 'end':
      return { run: 'train', values: [text('events/end', event.reason)] };
    default:
      return undefined;
  }
}

/** What kind of event a tag of a run has been written for; of those that are numbers and histograms of a step, `step`. */
export function kindOf(run: string, tag: string): TrainingEvent['type'] {
  if (run !== 'train') return 'validation';
  return tag === 'events/checkpoint' ? 'checkpoint' : tag === 'events/end' ? 'end' : 'step';
}

/** Markdown, shown at its step. */
export function text(tag: string, markdown: string): ValueMessage {
  return strings(tag, 'text', [new TextEncoder().encode(markdown)], []);
}

function ofStep(event: StepEvent): ValueMessage[] {
  const { changes = [], ema, gradientNorm, histograms = [], learningRate, loss, metrics, nonFinite } = event;
  const { samplesPerSecond } = event;
  return [
    ...scalars({ ...metrics, loss, ...averages(ema), learningRate, gradientNorm, samplesPerSecond }),
    ...changes.map(change),
    ...(nonFinite ? [text('events/nonFinite', `${nonFinite.what}: the step was ${nonFinite.action}`)] : []),
    ...histograms.flatMap(histogram),
  ];
}

function scalars(numbers: Readonly<Record<string, number | undefined>>): ValueMessage[] {
  return Object.entries(numbers).flatMap(([tag, simpleValue]) =>
    simpleValue === undefined ? [] : [{ tag, simpleValue }],
  );
}

/** Averages under one tag, whether of training or validation. */
function averages(ema: Readonly<Record<string, number>>): Record<string, number> {
  const named = Object.entries(ema).map(([name, value]) => [`ema/${name.replace(/^validation\./, '')}`, value]);
  return Object.fromEntries(named) as Record<string, number>;
}

function change({ what, from, to }: Change): ValueMessage {
  return text(`events/change/${what}`, `${from} → ${to}`);
}

function histogram({ name, edges, counts, sum, sumOfSquares, nonFinite }: Histogram): ValueMessage[] {
  const num = counts.reduce((all, count) => all + count, 0);
  const limits = { min: edges[0]!, max: edges.at(-1)!, bucketLimit: edges.slice(1), bucket: counts };
  const bad = nonFinite > 0 ? scalars({ [`${name}/nonFinite`]: nonFinite }) : [];
  return num === 0 ? bad : [{ tag: name, histo: { ...limits, num, sum, sumSquares: sumOfSquares } }, ...bad];
}

/** Width, height and PNGs, as the plugin has them. */
function images({ name, images }: ImageEvent): ValueMessage {
  const pngs = decodePngs(images, `tensorBoard: the images of '${name}'`);
  const size = [pngs[0].width, pngs[0].height].map((length) => new TextEncoder().encode(String(length)));
  return strings(name, 'images', [...size, ...pngs.map(({ bytes }) => bytes)], [2 + pngs.length]);
}

function strings(tag: string, plugin: keyof typeof DATA_CLASS, stringVal: Uint8Array[], shape: number[]): ValueMessage {
  return {
    tag,
    tensor: { dtype: STRING, tensorShape: { dim: shape.map((size) => ({ size })) }, stringVal },
    metadata: { pluginData: { pluginName: plugin }, dataClass: DATA_CLASS[plugin] },
  };
}
