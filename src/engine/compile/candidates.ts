import type * as tf from '@tensorflow/tfjs';

import { samplesOf, valuesOf } from '../../core/batch.js';
import { isOutOfMemory } from '../../core/outOfMemory.js';
import { sliceBatch } from '../../core/sliceBatch.js';
import type { Backend } from './backend.js';
import type { Fed } from './feed.js';
import { improve } from './improve.js';
import { laneCount } from './laneCount.js';
import { inLanes } from './lanes.js';
import type { Program } from './program.js';
import type { Passes } from './recordPass.js';
import { recordOnce, recordProgram, type Expected } from './recordProgram.js';
import { withXla } from './xla.js';

/** Programs for a batch, the one to be preferred first, and what the pass gave that they must be equal to. */
export interface Candidates {
  readonly programs: readonly Program[];
  readonly expected: Expected;
}

/** Records the pass over a batch, and writes it in the ways that may be worth it. */
export function candidates(library: typeof tf, passes: Passes, fed: Fed, mayHaveLanes: boolean): Candidates {
  const { isUsingGpuDevice } = library.backend() as unknown as Backend;
  const { xla } = passes.plan;
  const { program: whole, expected } = recordProgram(library, passes, fed);
  if (xla === 'auto' ? isUsingGpuDevice : xla) return { programs: [withXla(improve(whole))], expected };
  const count = isUsingGpuDevice || !mayHaveLanes ? 1 : laneCount(fed.batch, whole);
  const part = count > 1 ? recordPart(library, passes, fed, count) : undefined;
  const lanes = part && inLanes(whole, part, count);
  return { programs: [...(lanes ? [lanes] : []), whole].map(improve), expected };
}

/** Adds the first of some programs to `programs` with which `trial` does not fail. */
export function firstThatFits(programs: Program[], [next, ...rest]: readonly Program[], trial: () => void): void {
  programs.push(next!);
  try {
    trial();
  } catch (error) {
    programs.pop();
    if (rest.length === 0) throw error;
    firstThatFits(programs, rest, trial);
  }
}

/** Records the pass over the first of `count` parts of a batch; undefined if the model takes only as many samples as there are. */
function recordPart(library: typeof tf, passes: Passes, { batch }: Fed, count: number): Program | undefined {
  let program: Program | undefined;
  library.tidy(() => {
    const part = sliceBatch(batch, 0, samplesOf(batch) / count);
    const tensors = [...valuesOf(part.xs), ...valuesOf(part.ys)] as tf.Tensor[];
    try {
      program = recordOnce(library, passes, { given: part, batch: part, tensors, made: tensors });
    } catch (error) {
      if (isOutOfMemory(error)) throw error;
    }
  });
  return program;
}
