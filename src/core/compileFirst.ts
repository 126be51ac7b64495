import { disposeTensors } from './batch.js';
import type { Compilation } from './compilation.js';
import type { CompiledStep, CompileStep, StepPlan } from './compiler.js';
import { onWhatFits } from './computeParts.js';
import { CompileError } from './errors.js';
import { placed } from './stepError.js';
import type { ForwardPass } from './values.js';

/** A step compiled with the first batch to try it on; undefined, and a word on the console, if that cannot be and need not. */
export function compileFirst(
  compileStep: CompileStep,
  first: ForwardPass,
  step: Pick<StepPlan, 'optimizer' | 'clips' | 'skips'>,
  wanted: Compilation,
): CompiledStep | undefined {
  try {
    const plan = { ...first, ...wanted, ...step, recovers: first.parts !== undefined };
    return onWhatFits(first, { start: 0, index: 0 }, 1, ({ batch }) => compileStep(plan, batch)).result;
  } catch (error) {
    if (error instanceof CompileError && !wanted.strict) {
      console.warn(`trainStep: the step runs op by op, not as one graph: ${error.message}`);
      return undefined;
    }
    disposeTensors(first.batch);
    throw placed(error, 'backward', first.globalStep() + 1, 1);
  }
}
