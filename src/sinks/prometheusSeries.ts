import type { TrainingEvent } from '../core/events.js';

/** What an event says of a series: the value of a gauge, or what is added to a counter. */
export interface Said {
  readonly series: Series;
  readonly value: number;
  /** Which of several of the kind: a metric, an average. */
  readonly name?: string;
}

/** Every series, by what its name is without `gradstream_`, and what it is; counters end in `_total`. */
export const SERIES = {
  loss: 'Loss of the newest step: the weighted mean over its window.',
  metric: 'Metrics of the newest step.',
  ema: 'Moving averages, by what they average.',
  learning_rate: 'Learning rate of the newest step.',
  gradient_norm: 'Global norm of the gradient of the newest step, before clipping.',
  samples_per_second: 'Samples per second, as throughput gives them.',
  global_step: 'Optimizer steps of the run so far, those before it was resumed too.',
  epoch: 'Which pass over the data; the first is 1.',
  validation_loss: 'Loss of the newest validation.',
  validation_metric: 'Metrics of the newest validation.',
  running: '1 while the run goes on, 0 when it is over.',
  steps_total: 'Optimizer steps that the sink was given.',
  samples_total: 'Samples in the steps that the sink was given.',
  non_finite_steps_total: 'Steps with NaN or Infinity.',
  checkpoints_total: 'Checkpoints made.',
  dropped_steps_total: 'Steps that the sink was not given because it was busy.',
} as const;

/** The name of a series, without `gradstream_`. */
export type Series = keyof typeof SERIES;

/** What an event says, series by series. */
export function saidBy(event: TrainingEvent): readonly Said[] {
  const { globalStep, epoch } = event;
  switch (event.type) {
    case 'step':
      return [
        ...place(globalStep, epoch),
        { series: 'loss', value: event.loss },
        ...named('metric', event.metrics),
        ...named('ema', event.ema),
        { series: 'learning_rate', value: event.learningRate },
        ...(event.gradientNorm === undefined ? [] : [{ series: 'gradient_norm', value: event.gradientNorm } as const]),
        ...(event.samplesPerSecond === undefined
          ? []
          : [{ series: 'samples_per_second', value: event.samplesPerSecond } as const]),
        { series: 'steps_total', value: 1 },
        { series: 'samples_total', value: event.samples },
        { series: 'non_finite_steps_total', value: event.nonFinite ? 1 : 0 },
      ];
    case 'validation':
      return [
        ...place(globalStep, epoch),
        { series: 'validation_loss', value: event.loss },
        ...named('validation_metric', event.metrics),
        ...named('ema', event.ema),
      ];
    case 'checkpoint':
      return [...place(globalStep, epoch), { series: 'checkpoints_total', value: 1 }];
    default:
      return [];
  }
}

function place(globalStep: number, epoch: number): readonly Said[] {
  return [
    { series: 'global_step', value: globalStep },
    { series: 'epoch', value: epoch },
  ];
}

function named(series: Series, values: Readonly<Record<string, number>>): readonly Said[] {
  return Object.entries(values).map(([name, value]) => ({ series, value, name }));
}
