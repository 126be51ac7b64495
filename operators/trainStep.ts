import {
  defer,
  identity,
  ignoreElements,
  isObservable,
  map,
  merge,
  pipe,
  shareReplay,
  type MonoTypeOperatorFunction,
  type Observable,
  type OperatorFunction,
} from 'rxjs';

import { alongside } from '../src/core/alongside.js';
import type { Batch } from '../src/core/batch.js';
import { compilation, type CompileOption } from '../src/core/compilation.js';
import { compileFirst } from '../src/core/compileFirst.js';
import { compiledSteps } from '../src/core/compiledSteps.js';
import { compiler } from '../src/core/compiler.js';
import { CompileError } from '../src/core/errors.js';
import { describeLive, type Live } from '../src/core/live.js';
import type { LossFunction } from '../src/core/loss.js';
import type { Metrics } from '../src/core/metric.js';
import type { Model } from '../src/core/model.js';
import { onFirst } from '../src/core/onFirst.js';
import type { Optimizer } from '../src/core/optimizer.js';
import type { InRun } from '../src/core/run.js';
import { records } from '../src/core/runState.js';
import type { ForwardPass, GradientStep, StepResult } from '../src/core/values.js';
import { accumulate } from './accumulate.js';
import { backward } from './backward.js';
import { clipByGlobalNorm } from './clipByGlobalNorm.js';
import { forward } from './forward.js';
import { optimizerStep } from './optimizerStep.js';
import { retryWithSmallerBatches } from './retryWithSmallerBatches.js';
import { skipNonFinite, type SkipNonFiniteOptions } from './skipNonFinite.js';

/** Options of {@link trainStep}. */
export interface TrainStepOptions {
  readonly loss: LossFunction;
  readonly optimizer: Optimizer;
  /** Micro-batches per optimizer step; see `accumulate`. */
  readonly accumulate?: Live;
  readonly metrics?: Metrics;
  /** See `forward`. */
  readonly seed?: number;
  /** See `clipByGlobalNorm`. */
  readonly clipNorm?: Live;
  /** See `skipNonFinite`; an object is true, with more to say. */
  readonly skipNonFinite?: boolean | SkipNonFiniteOptions;
  /** See `retryWithSmallerBatches`. */
  readonly retryWithSmallerBatches?: boolean;
  /**
   * A stage for each window's mean gradients, before they are clipped and used: where replicas reduce theirs. Without it the gradients never leave a
   * compiled step.
   */
  readonly reduce?: MonoTypeOperatorFunction<GradientStep>;
  /**
   * Whether the step runs as one graph, on an engine that can (`node`). 'auto', which is meant unless given, goes on op by op where it cannot and says so
   * once on the console; true is an error there. An object is true, with more to say.
   */
  readonly compile?: CompileOption;
}

/**
 * Goes from batches to optimizer steps in one stage.
 *
 * Written in one piece, a step can be run in one piece: on native TensorFlow the first micro-batch's pass is recorded, and written as one graph that holds
 * weights, sums and the optimizer's state; it is checked against the recorded pass before it is used. The events are the same. The model's variables
 * follow when somebody looks, and whatever is assigned to them is taken over.
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
 * @throws and errors with what its stages do; errors with {@link CompileError}, if `compile` is true and the step cannot run as one graph: it reads
 * back what it computes, draws numbers from a distribution that is not known, or the engine has no graphs.
 */
export function trainStep(model: Model, options: TrainStepOptions): OperatorFunction<Batch & InRun, StepResult> {
  const { loss, metrics = {}, seed = 0 } = options;
  const wanted = compilation(options.compile ?? 'auto');
  const passes = forward(model, loss, { metrics, seed });
  const recipe = options.retryWithSmallerBatches ? pipe(passes, retryWithSmallerBatches()) : passes;
  const eager = eagerly(options); // built now, for what is wrong with the options
  const { giveUpAfter } = typeof options.skipNonFinite === 'object' ? options.skipNonFinite : {};
  const giveUp = giveUpAfter ? map((result: StepResult): StepResult => ({ ...result, giveUpAfter })) : identity;

  const { optimizer, clipNorm, skipNonFinite: skips } = options;
  const plan = { optimizer, clips: clipNorm !== undefined, skips: Boolean(skips) };

  return (source) =>
    defer(() => {
      const compileStep = compiler();
      if (!compileStep && wanted?.strict)
        throw new CompileError("trainStep: only the engine 'node' compiles steps; see compile: 'auto'");
      if (!wanted || !compileStep) return source.pipe(recipe, eager);
      const { held, whileRunning } = hold(options);
      return source.pipe(
        recipe,
        whileRunning(),
        onFirst((first) => {
          const step = compileFirst(compileStep, first, plan, wanted);
          return step ? pipe(told(held), compiledSteps(step, held, first.weights.slots), giveUp) : eagerly(held);
        }),
      );
    });
}

/** The stages one by one. */
function eagerly(options: TrainStepOptions): OperatorFunction<ForwardPass, StepResult> {
  const skips = options.skipNonFinite;
  return pipe(
    backward(),
    accumulate(options.accumulate ?? 1),
    options.reduce ?? identity,
    skips ? skipNonFinite(skips === true ? {} : skips) : identity,
    options.clipNorm === undefined ? identity : clipByGlobalNorm(options.clipNorm),
    optimizerStep(options.optimizer),
  );
}

/** Lets snapshots hold what the stages that a compiled step stands for were told. */
function told({ clipNorm, skipNonFinite: skips }: TrainStepOptions): MonoTypeOperatorFunction<ForwardPass> {
  return pipe(
    records('skipNonFinite', skips ? { ...(skips === true ? {} : skips) } : undefined),
    records('clipByGlobalNorm', clipNorm === undefined ? undefined : { maxNorm: describeLive(clipNorm) }),
  );
}

/** The options with Observables that are listened to from the start, although the stages that read them come with the first batch. */
function hold(options: TrainStepOptions) {
  const shared = <T extends Live | undefined>(value: T): T =>
    isObservable(value)
      ? (value.pipe(shareReplay({ bufferSize: 1, refCount: true })) as Observable<number> & T)
      : value;
  const learningRate = shared(options.optimizer.learningRate);
  const [size, clipNorm] = [shared(options.accumulate ?? 1), shared(options.clipNorm)];
  const isLive = (value: unknown): value is Observable<number> => isObservable(value);
  const live$ = [learningRate, size, clipNorm].filter(isLive);
  const optimizer: Optimizer = { ...options.optimizer, learningRate };
  return {
    held: { ...options, optimizer, accumulate: size, ...(clipNorm !== undefined && { clipNorm }) },
    whileRunning: () =>
      live$.length > 0 ? alongside<ForwardPass, never>(merge(...live$).pipe(ignoreElements())) : identity,
  };
}
