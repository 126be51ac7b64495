import { concatWith, defer, EMPTY, tap, type MonoTypeOperatorFunction } from 'rxjs';

import { ArgumentError } from './errors.js';
import type { EndEvent, StepEvent, TrainingEvent, ValidationEvent } from './events.js';
import type { StepResult } from './values.js';

const OF_VALIDATIONS = 'validation.';
const OF_AVERAGES = 'ema.';

/** A number in events, by a name such as 'loss', 'accuracy', 'gradientNorm', 'validation.loss', 'ema.loss'. */
export interface MetricIn {
  /** Of which events it is; averages of a name are in the events of that name. */
  readonly type: 'step' | 'validation';
  /** Its value in an event, undefined in one of another type. Throws if it is not in an event of its type. */
  readonly of: (event: StepResult | TrainingEvent) => number | undefined;
  /** Errors if a run that has been seen from its first step goes to its end without any. */
  readonly mustCome: <T extends StepResult | TrainingEvent>() => MonoTypeOperatorFunction<T>;
}

/** Finds the number of a name in events; `operator` begins the messages. */
export function metricIn(name: string, operator: string): MetricIn {
  if (typeof name !== 'string' || name === '') {
    const received = JSON.stringify(name);
    throw new ArgumentError(`${operator}: the metric must be a name such as 'validation.loss', received ${received}`);
  }
  const averaged = name.startsWith(OF_AVERAGES);
  const plain = averaged ? name.slice(OF_AVERAGES.length) : name;
  const type = plain.startsWith(OF_VALIDATIONS) ? 'validation' : 'step';
  const field = type === 'validation' ? plain.slice(OF_VALIDATIONS.length) : plain;

  const of = (event: StepResult | TrainingEvent): number | undefined => {
    if (!('type' in event)) {
      if (type === 'validation') return undefined;
      throw new ArgumentError(`${operator}: '${name}' must have been read; place ${operator} behind readback`);
    }
    if (event.type !== type) return undefined;
    const values = event as StepEvent | ValidationEvent;
    const value = averaged ? values.ema[plain] : numberOf(values, field);
    if (value !== undefined) return value;
    const prefix = type === 'validation' ? OF_VALIDATIONS : '';
    const known = [
      ...['loss', ...Object.keys(values.metrics)].map((each) => prefix + each),
      ...('gradientNorm' in values ? ['gradientNorm'] : []),
      ...Object.keys(values.ema).map((each) => OF_AVERAGES + each),
    ];
    throw new ArgumentError(
      `${operator}: '${name}' must be in the events, received ${type} events with ${known.join(', ')}`,
    );
  };
  const mustCome = <T extends StepResult | TrainingEvent>(): MonoTypeOperatorFunction<T> => {
    return (source) =>
      defer(() => {
        let wanted: boolean | undefined;
        return source.pipe(
          tap((value) => {
            wanted ??= value.globalStep === 1;
            if (typeOf(value) === type || (isEnd(value) && !['epochs', 'steps'].includes(value.reason))) wanted = false;
          }),
          concatWith(
            defer(() => {
              if (!wanted) return EMPTY;
              const remedy = type === 'validation' ? `; put validateEvery before ${operator}` : '';
              throw new ArgumentError(
                `${operator}: '${name}' must be in the events, the run has ended without any ${type}${remedy}`,
              );
            }),
          ),
        );
      });
  };
  return { type, of, mustCome };
}

function numberOf(event: StepEvent | ValidationEvent, field: string): number | undefined {
  if (field === 'loss') return event.loss;
  return event.metrics[field] ?? (field === 'gradientNorm' ? (event as StepEvent).gradientNorm : undefined);
}

function typeOf(value: StepResult | TrainingEvent): string {
  return 'type' in value ? value.type : 'step';
}

function isEnd(value: StepResult | TrainingEvent): value is EndEvent {
  return 'type' in value && value.type === 'end';
}
