import type { StepEvent, TrainingEvent } from '../core/events.js';
import { eventNote, skipNote } from '../sinks/eventNote.js';
import type { Note } from './protocol.js';

/** What is kept of an event. */
export type Kept =
  | { readonly type: 'step'; readonly globalStep: number; readonly values: Values; readonly losses: readonly number[] }
  | { readonly type: 'validation'; readonly globalStep: number; readonly values: Values }
  | ({ readonly type: 'note' } & Note);

type Values = Readonly<Record<string, number>>;

/** What there is to keep of an event, most often one thing. */
export function rowsOf(event: TrainingEvent): Kept[] {
  const { type, globalStep } = event;
  const note = (kind: Note['kind'], text: string): Kept => ({ type: 'note', globalStep, kind, text });
  switch (type) {
    case 'step':
      return [stepOf(event), ...(event.nonFinite ? [note('skipped', skipNote(event.nonFinite))] : [])];
    case 'validation':
      return [{ type, globalStep, values: { loss: event.loss, ...event.metrics } }];
    case 'checkpoint':
      return [note('checkpoint', `${event.name}${event.best ? ', the best so far' : ''} (${event.reason})`)]; // the page says the kind
    case 'change':
    case 'end':
      return [note(type, eventNote(event)!)];
    default:
      return []; // kinds that are not known are not shown
  }
}

function stepOf(event: StepEvent): Kept {
  const { globalStep, loss, learningRate, gradientNorm, samplesPerSecond, timesMs, metrics, microBatches } = event;
  const losses: number[] = [];
  for (const each of microBatches) if (each.weight > 0) losses.push(each.loss);
  const values: Record<string, number> = { loss, learningRate };
  if (gradientNorm !== undefined) values['gradientNorm'] = gradientNorm;
  if (samplesPerSecond !== undefined) values['samplesPerSecond'] = samplesPerSecond;
  for (const name in timesMs) values[`timeMs.${name}`] = timesMs[name]!;
  for (const name in metrics) values[`metric.${name}`] = metrics[name]!;
  return { type: 'step', globalStep, values, losses };
}
