import { identity, pipe, type OperatorFunction } from 'rxjs';

import type { Batch } from '../src/core/batch.js';
import type { Live } from '../src/core/live.js';
import type { LossFunction } from '../src/core/loss.js';
import type { Metrics } from '../src/core/metric.js';
import type { Model } from '../src/core/model.js';
import type { Optimizer } from '../src/core/optimizer.js';
import type { InRun } from '../src/core/run.js';
import type { StepResult } from '../src/core/values.js';
import { accumulate } from './accumulate.js';
import { backward } from './backward.js';
import { clipByGlobalNorm } from './clipByGlobalNorm.js';
import { forward } from './forward.js';
import { optimizerStep } from './optimizerStep.js';
import { skipNonFinite } from './skipNonFinite.js';

/** Options of {@link trainStep}. */
export interface TrainStepOptions {
  readonly loss: LossFunction;
  readonly optimizer: Optimizer;
  /** Micro-batches per optimizer step; see `accumulate`. */
  readonly accumulate?: Live;
  readonly metrics?: Metrics;
  /** See `clipByGlobalNorm`. */
  readonly clipNorm?: Live;
  /** See `skipNonFinite`. */
  readonly skipNonFinite?: boolean;
}

/**
 * Goes from batches to optimizer steps in one stage.
 *
 * Written in one piece, a step can be run in one piece: this is where an engine may put a compiled one. The events are the same.
 *
 * ```text
 * source:  --a--b--c--d--|
 *             trainStep(model, { loss, optimizer, accumulate: 2 })
 * output:  -----1-----2--|
 * ```
 *
 * **Ownership**: takes the batches; the result's scalars are the receiver's.
 *
 * @example
 * ```ts
 * fromPull(batches).pipe(trainStep(model, { loss: mse, optimizer: adam(), accumulate: 4, clipNorm: 1 }), readback());
 * ```
 *
 * @throws and errors with what its stages do.
 */
export function trainStep(model: Model, options: TrainStepOptions): OperatorFunction<Batch & InRun, StepResult> {
  return pipe(
    forward(model, options.loss, options.metrics ? { metrics: options.metrics } : {}),
    backward(),
    accumulate(options.accumulate ?? 1),
    options.skipNonFinite ? skipNonFinite() : identity,
    options.clipNorm === undefined ? identity : clipByGlobalNorm(options.clipNorm),
    optimizerStep(options.optimizer),
  );
}
