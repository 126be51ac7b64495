import type { OperatorFunction } from 'rxjs';
import * as v from 'valibot';

import { checkEvery, type Every } from '../checkpoint/cadence.js';
import type { Batch } from '../core/batch.js';
import { assertPositive } from '../core/errors.js';
import type { TrainingEvent } from '../core/events.js';
import type { LossFunction } from '../core/loss.js';
import { toMetric, type Metric } from '../core/metric.js';
import type { Optimizer } from '../core/optimizer.js';
import type { EpochSource } from '../core/source.js';
import type { EngineName } from '../engine/engine.js';
import { callOf } from './call.js';
import { ConfigError } from './configError.js';
import { FileDataSchema, InputDataSchema, type FileData } from './fileData.js';
import { LOSS_CALLS, LOSSES, METRICS, OPERATORS } from './named.js';
import { OptimizerSchema } from './optimizers.js';
import { count, functionOf, isFunction, made, messageFor, objectOf, oneOf } from './parts.js';
import type { RunConfig } from './runConfig.js';

/** One of several forms, chosen by what is there, so that the message is about the form that was meant. */
function either<O>(choose: (given: unknown) => v.GenericSchema<unknown, unknown>): v.GenericSchema<unknown, O> {
  return v.lazy(choose) as v.GenericSchema<unknown, O>;
}

const byName = <T>(functions: Readonly<Record<string, T>>): v.GenericSchema<unknown, T> =>
  v.pipe(
    oneOf(Object.keys(functions)),
    v.transform((name) => functions[name]!),
  ) as v.GenericSchema<unknown, T>;

const isCode = (given: unknown): boolean =>
  isFunction(given) ||
  (typeof given === 'object' &&
    given !== null &&
    (Symbol.asyncIterator in given || Symbol.iterator in given || 'getReader' in given || 'iterator' in given));

const dataOr = (file: v.GenericSchema<unknown, FileData>) =>
  either<EpochSource<Batch> | FileData>((given) => (isCode(given) ? v.any() : file));
const Data = dataOr(FileDataSchema);
const Loss = either<LossFunction>((given) =>
  isFunction(given) ? v.any() : typeof given === 'object' ? callOf(LOSS_CALLS) : byName(LOSSES),
);
const OneMetric = v.pipe(
  either<Metric['compute'] | Metric>((given) =>
    isFunction(given)
      ? v.any()
      : typeof given === 'object'
        ? objectOf({ compute: functionOf(), reduce: functionOf() })
        : byName(METRICS),
  ),
  v.transform(toMetric),
);
const Metrics = either<Record<string, Metric>>((given) =>
  Array.isArray(given)
    ? v.pipe(
        v.array(oneOf(Object.keys(METRICS))),
        v.transform((names) => Object.fromEntries(names.map((name) => [name, toMetric(METRICS[name as never])]))),
      )
    : v.record(v.string(), OneMetric, messageFor),
);
const Operator = either<OperatorFunction<TrainingEvent, TrainingEvent>>((given) =>
  isFunction(given) ? v.any() : callOf(OPERATORS),
);
const Cadence = v.pipe(
  v.unknown(),
  made((every) => (checkEvery(every as Every), every as Every)),
);

const Config = objectOf({
  model: either<RunConfig['model']>((given) => (isFunction(given) ? v.any() : v.string(messageFor))),
  data: objectOf({ train: Data, validation: v.exactOptional(Data), test: v.exactOptional(dataOr(InputDataSchema)) }),
  loss: Loss,
  optimizer: OptimizerSchema,
  metrics: v.exactOptional(Metrics, {}),
  accumulate: v.exactOptional(count),
  clipNorm: v.exactOptional(v.number(messageFor)),
  skipNonFinite: v.exactOptional(
    either<NonNullable<RunConfig['skipNonFinite']>>((given) =>
      typeof given === 'object' ? objectOf({ giveUpAfter: v.exactOptional(count) }) : v.boolean(messageFor),
    ),
  ),
  seed: v.exactOptional(v.pipe(v.number(messageFor), v.integer('must be a whole number'))),
  epochs: v.exactOptional(count),
  steps: v.exactOptional(count),
  validateEvery: v.exactOptional(count),
  operators: v.exactOptional(v.array(Operator, messageFor), []),
  checkpoint: v.exactOptional(
    objectOf({
      every: v.exactOptional(Cadence),
      keep: v.exactOptional(count),
      best: v.exactOptional(objectOf({ metric: v.string(messageFor), mode: oneOf(['min', 'max']) })),
    }),
    {},
  ),
  logEvery: v.exactOptional(count, 1),
  timeoutMs: v.exactOptional(
    v.pipe(
      v.number(messageFor),
      made((value) => (assertPositive(value, 'timeoutMs'), value)),
    ),
  ),
  engine: v.exactOptional(oneOf(['auto', 'node', 'webgpu', 'wasm', 'cpu']), 'auto'),
  run: v.exactOptional(v.string(messageFor)),
});

/** A config in which every name has become what it stands for. */
export interface Plan extends Omit<RunConfig, 'data' | 'loss' | 'optimizer' | 'metrics' | 'operators'> {
  readonly data: { readonly [K in keyof RunConfig['data']]: EpochSource<Batch> | FileData };
  readonly loss: LossFunction;
  readonly optimizer: Optimizer;
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly operators: readonly OperatorFunction<TrainingEvent, TrainingEvent>[];
  readonly logEvery: number;
  readonly engine: EngineName | 'auto';
}

/**
 * Checks a config, and makes optimizers, schedules and operators of what stands for them.
 *
 * @param label - Where it comes from, for messages.
 * @throws {@link ConfigError} with everything that is wrong with it, each with its path.
 */
export function parseConfig(config: unknown, label: string): Plan {
  const { success, output, issues } = v.safeParse(Config, config, { message: messageFor });
  if (success) return output as Plan;
  const said = issues.map((issue) => `\n  ${[v.getDotPath(issue), issue.message].filter(Boolean).join(': ')}`);
  throw new ConfigError(`${label}:${said.join('')}`);
}
