import type { TrainingEvent } from '../core/events.js';
import { prefixed } from '../sinks/eventRow.js';
import { numbers } from '../sinks/numbers.js';

/** The last of what a run has said, by kind. */
export type LastEvents = { readonly [K in TrainingEvent['type']]?: Extract<TrainingEvent, { type: K }> };

/** What is printed when a run is over. */
export function summary({ step, validation, checkpoint, end }: LastEvents, run: string): string {
  const { globalStep = 0, epoch = 1 } = end ?? step ?? {};
  const why = end && 'metric' in end ? `${end.reason} of ${end.metric}` : end?.reason;
  const lines = [
    ['run', run],
    ['steps', `${globalStep}, in epoch ${epoch}${why === undefined ? '' : `; ended by ${why}`}`],
    ['loss', step && numbers({ loss: step.loss, ...step.metrics, ...prefixed('ema.', step.ema) })],
    [
      'validation',
      validation && `${numbers({ loss: validation.loss, ...validation.metrics })}  at step ${validation.globalStep}`,
    ],
    ['checkpoint', checkpoint && `${checkpoint.name}${checkpoint.best ? ', the best' : ''}`],
  ];
  return lines.flatMap(([name, said]) => (said ? [`${name!.padEnd(12)}${said}`] : [])).join('\n');
}
