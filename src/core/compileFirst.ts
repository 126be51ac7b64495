import { disposeTensors } from './batch.js';
import type { Compilation } from './compilation.js';
import type { CompiledStep, CompileStep, StepPlan } from './compiler.js';
import { onWhatFits } from './computeParts.js';
import { CompileError } from './errors.js';
import { countsIn } from './heldData.js';
import { RUN } from './run.js';
import { placed } from './stepError.js';
import type { ForwardPass } from './values.js';

/** A step compiled with the first batch to try it on; undefined, and a word on the console, if that cannot be and need not. */
export function compileFirst(
  compileStep: CompileStep,
  first: ForwardPass,
  step: Pick<StepPlan, 'optimizer' | 'clips' | 'skips'>,
  wanted: Compilation,
): CompiledStep | undefined {
  let microStep = 1;
  try {
    microStep = microStepOf(first);
    const plan = { ...first, ...wanted, ...step, recovers: first.parts !== undefined };
    return onWhatFits(first, { start: 0, index: 0 }, microStep, ({ batch }) => compileStep(plan, batch, microStep))
      .result;
  } catch (error) {
    if (error instanceof CompileError && !wanted.strict) {
      console.warn(`trainStep: the step runs op by op, not as one graph: ${error.message}`);
      return undefined;
    }
    disposeTensors(first.batch);
    throw placed(error, 'backward', first.globalStep() + 1, microStep);
  }
}

/** Which micro-step the first pass is, in a run that goes on, too: `backward` is not there yet to say so. */
function microStepOf({ [RUN]: run }: ForwardPass): number {
  const held = run?.state?.saved('backward');
  const passes = held ? countsIn(held.data, ['microStep'], 'backward').microStep : 0;
  return run?.isRepeat?.() ? passes : passes + 1;
}
