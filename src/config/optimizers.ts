import { isObservable } from 'rxjs';
import * as v from 'valibot';

import type { Live } from '../core/live.js';
import { checkRate, type Optimizer } from '../core/optimizer.js';
import { adagrad, type AdagradOptions } from '../optim/adagrad.js';
import { adam, type AdamOptions } from '../optim/adam.js';
import { adamw, type AdamWOptions } from '../optim/adamw.js';
import { lion, type LionOptions } from '../optim/lion.js';
import { rmsprop, type RmspropOptions } from '../optim/rmsprop.js';
import { sgd, type SgdOptions } from '../optim/sgd.js';
import { callOf, type CallOf } from './call.js';
import { SCHEDULES, type ScheduleName } from './named.js';
import { functionOf, isFunction, made, messageFor, objectOf, oneOf } from './parts.js';

const number = v.exactOptional(v.number(messageFor));
const flag = v.exactOptional(v.boolean(messageFor));
const betas = v.exactOptional(v.tuple([v.number(messageFor), v.number(messageFor)], messageFor));
const decay = v.exactOptional(functionOf());
const learningRate = v.exactOptional(
  v.lazy((rate) =>
    isFunction(rate) || isObservable(rate)
      ? v.any()
      : typeof rate === 'object'
        ? callOf(SCHEDULES)
        : v.number(messageFor),
  ),
);

/** Each optimizer's options: all of them, and no others. */
const OPTIONS = {
  adagrad: { learningRate, initialSquares: number, epsilon: number } satisfies Entries<AdagradOptions>,
  adam: { learningRate, betas, epsilon: number } satisfies Entries<AdamOptions>,
  adamw: { learningRate, betas, epsilon: number, weightDecay: number, decay } satisfies Entries<AdamWOptions>,
  lion: { learningRate, betas, weightDecay: number, decay } satisfies Entries<LionOptions>,
  rmsprop: { learningRate, rho: number, momentum: number, epsilon: number } satisfies Entries<RmspropOptions>,
  sgd: { learningRate, momentum: number, nesterov: flag, weightDecay: number } satisfies Entries<SgdOptions>,
} as const;
type Entries<O> = { readonly [K in keyof O]-?: v.GenericSchema };

interface OptionsOf {
  readonly adagrad: AdagradOptions;
  readonly adam: AdamOptions;
  readonly adamw: AdamWOptions;
  readonly lion: LionOptions;
  readonly rmsprop: RmspropOptions;
  readonly sgd: SgdOptions;
}
type OptimizerName = keyof OptionsOf;

const MAKERS: { readonly [N in OptimizerName]: (options: OptionsOf[N]) => Optimizer } = {
  adagrad,
  adam,
  adamw,
  lion,
  rmsprop,
  sgd,
};

/** A schedule as data: `{ cosine: [3e-4, 10_000] }`, `{ warmup: [500, { cosine: [3e-4, 10_000] }] }`. */
export type ScheduleCall = CallOf<ScheduleName>;

/** An optimizer by its name and options, which `--set` can change; a learning rate may be a schedule as data. */
export type NamedOptimizer = {
  readonly [N in OptimizerName]: { readonly name: N; readonly learningRate?: Live | ScheduleCall } & Omit<
    OptionsOf[N],
    'learningRate'
  >;
}[OptimizerName];

/** An optimizer that code has made. */
const Built = v.custom<Optimizer>((value) => isFunction((value as { readonly init?: unknown }).init));

const NAMED = Object.fromEntries(
  Object.entries(OPTIONS).map(([name, options]) => [
    name,
    v.pipe(
      objectOf({ name: v.literal(name), ...(options as v.ObjectEntries) }),
      made(({ name: _, ...given }) => MAKERS[name as OptimizerName](given as object)),
    ),
  ]),
);

/** Either form of an optimizer; it gives the optimizer. */
export const OptimizerSchema: v.GenericSchema<unknown, Optimizer> = v.lazy((given) => {
  if (isBuilt(given))
    return v.pipe(
      Built,
      made((optimizer) => (checkRate(optimizer), optimizer)),
    ) as never;
  const { name } = (given ?? {}) as { name?: unknown };
  if (typeof name === 'string' && Object.hasOwn(NAMED, name)) return NAMED[name] as never;
  return v.looseObject({ name: oneOf(Object.keys(OPTIONS)) }, messageFor) as never;
});

/** Whether code has made it: of those only the learning rate can be set. */
export function isBuilt(value: unknown): value is Optimizer {
  return typeof value === 'object' && value !== null && isFunction((value as { readonly update?: unknown }).update);
}
