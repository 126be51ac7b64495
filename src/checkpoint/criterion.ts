import { ArgumentError } from '../core/errors.js';
import type { StepEvent, TrainingEvent, ValidationEvent } from '../core/events.js';
import type { StepResult } from '../core/values.js';

/** Which checkpoint is the best: the one with the least, or the most, of a metric. */
export interface BestOptions {
  /** 'loss' or the name of a metric, of steps or, after 'validation.', of validations: 'validation.loss'. */
  readonly metric: string;
  readonly mode: 'min' | 'max';
}

/** The best so far. */
export interface Best {
  readonly value: number;
  readonly globalStep: number;
}

const VALIDATION = 'validation.';

/** Throws unless it says what is best. */
export function checkBest({ metric, mode }: BestOptions): void {
  if (typeof metric !== 'string' || metric === '')
    throw new ArgumentError(
      `checkpointEvery: best.metric must be a name such as 'validation.loss', received '${metric}'`,
    );
  if (!['min', 'max'].includes(mode))
    throw new ArgumentError(`checkpointEvery: best.mode must be 'min' or 'max', received '${mode}'`);
}

/** What a value says, if it is better than the best so far. */
export function betterThan(
  best: Best | undefined,
  value: StepResult | TrainingEvent,
  { metric, mode }: BestOptions,
): Best | undefined {
  const now = valueOf(value, metric);
  if (now === undefined || Number.isNaN(now)) return undefined;
  const isBetter = !best || (mode === 'min' ? now < best.value : now > best.value);
  return isBetter ? { value: now, globalStep: value.globalStep } : undefined;
}

function valueOf(value: StepResult | TrainingEvent, metric: string): number | undefined {
  const ofValidation = metric.startsWith(VALIDATION);
  if (!('type' in value)) {
    if (ofValidation) return undefined;
    throw new ArgumentError(
      `checkpointEvery: '${metric}' must have been read, received steps whose numbers are on the device; place it behind readback()`,
    );
  }
  if (value.type !== (ofValidation ? 'validation' : 'step')) return undefined;
  const { loss, metrics } = value as StepEvent | ValidationEvent;
  const name = ofValidation ? metric.slice(VALIDATION.length) : metric;
  const now = name === 'loss' ? loss : metrics[name];
  if (now !== undefined) return now;
  const known = ['loss', ...Object.keys(metrics)].join(', ');
  throw new ArgumentError(
    `checkpointEvery: '${metric}' must be in the events, received ${value.type} events with ${known}`,
  );
}
