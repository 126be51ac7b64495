// What the compiler must know of a pipe: `tsc` checks it, nothing runs.
import { Subject, type Observable } from 'rxjs';
import { expectTypeOf, it } from 'vitest';
import {
  accumulate,
  adam,
  averageWeights,
  backward,
  ema,
  forward,
  fromPull,
  logEvery,
  maxDuration,
  mse,
  optimizerStep,
  readback,
  reduceOnPlateau,
  stopEarly,
  train,
  untilMetric,
  validateEvery,
  type Batch,
  type ChangeEvent,
  type CustomModel,
  type EndEvent,
  type GradientStep,
  type MicroStep,
  type StepEvent,
  type StepResult,
  type TrainingEvent,
  type ValidationEvent,
} from 'gradstream';

const model = {} as CustomModel;
const batches: Batch[] = [];
// Never called: only their types count.
const stages = {
  steps: () => fromPull(batches).pipe(forward(model, mse), backward()),
  results: () => stages.steps().pipe(accumulate(4), optimizerStep(adam())),
  whole: () => stages.results().pipe(validateEvery(10, batches), readback(), ema('loss'), logEvery(10)),
  ending: () =>
    stages
      .results()
      .pipe(
        averageWeights({ decay: 0.99 }),
        validateEvery(10, batches),
        reduceOnPlateau('validation.loss', { patience: 2 }),
        stopEarly('validation.loss', { patience: 5 }),
        readback(),
        maxDuration('1h'),
        untilMetric('loss', { atMost: 1 }),
      ),
  trained: () =>
    train(model, batches, { loss: mse, optimizer: adam() }).pipe(validateEvery(10, batches), ema('loss'), logEvery(10)),
};

it('infers every stage of a pipe', () => {
  expectTypeOf(stages.steps).returns.toEqualTypeOf<Observable<MicroStep>>();
  expectTypeOf(stages.results).returns.toEqualTypeOf<Observable<StepResult>>();
  expectTypeOf(stages.whole).returns.toEqualTypeOf<Observable<StepEvent | ValidationEvent>>();
  expectTypeOf(stages.ending).returns.toEqualTypeOf<Observable<StepEvent | ValidationEvent | ChangeEvent | EndEvent>>();
  expectTypeOf(stages.trained).returns.toExtend<Observable<TrainingEvent>>();
  expectTypeOf(readback<StepResult>()).returns.toEqualTypeOf<Observable<StepEvent>>();
});

it('refuses stages in another order, and hyper-parameters that are none', () => {
  const gradientSteps$ = new Subject<GradientStep>();
  // @ts-expect-error [ts2345] -- gradients must be accumulated before they are applied
  expectTypeOf(() => stages.steps().pipe(optimizerStep(adam()))).toBeFunction();
  // @ts-expect-error [ts2345] -- a step that has not been taken has no event
  expectTypeOf(() => gradientSteps$.pipe(readback())).toBeFunction();
  // @ts-expect-error [ts2345] -- a word is no window
  expectTypeOf(() => accumulate('4')).toBeFunction();
});
