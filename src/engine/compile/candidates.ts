import type * as tf from '@tensorflow/tfjs';

import { samplesOf, valuesOf, type Batch } from '../../core/batch.js';
import { isOutOfMemory } from '../../core/outOfMemory.js';
import { SHARES } from '../../core/reduceSamples.js';
import { repeatSamples, sliceBatch } from '../../core/sliceBatch.js';
import type { Backend } from './backend.js';
import type { Fed } from './feed.js';
import { improve } from './improve.js';
import { laneCount } from './laneCount.js';
import { inLanes } from './lanes.js';
import type { Program } from './program.js';
import type { Passes } from './recordPass.js';
import { recordOnce, recordProgram, type Expected } from './recordProgram.js';
import { withXla } from './xla.js';

/** A way to compute a batch: its program, written when it is tried, and in how many lanes the session is to run that knows it. */
export interface Candidate {
  readonly write: () => Program;
  readonly lanes: number;
}

/** Ways to compute a batch, the one to be preferred first, and what the pass gave that they must be equal to. */
export interface Candidates {
  readonly ways: readonly Candidate[];
  /** The pass as it has been recorded. */
  readonly recorded: Program;
  readonly expected: Expected;
}

/** Of one sample in a lane, TensorFlow.js records other ops. */
const LEAST = 2;

/**
 * Records the pass over a batch, and writes it in the ways that may be worth it.
 *
 * @param known - In how many lanes the session runs, if there is one. The first batch decides, by what does not hang on how many samples it has: else a run that
 *   goes on with a short batch would not go on bit for bit.
 */
export function candidates(library: typeof tf, passes: Passes, fed: Fed, known?: number): Candidates {
  const { isUsingGpuDevice } = library.backend() as unknown as Backend;
  const { xla } = passes.plan;
  const { program: recorded, expected } = recordProgram(library, passes, fed);
  const found = { recorded, expected };
  if (xla === 'auto' ? isUsingGpuDevice : xla)
    return { ...found, ways: [{ write: () => withXla(improve(recorded)), lanes: 1 }] };
  const samples = samplesOf(fed.batch);
  const count = known ?? (isUsingGpuDevice ? 1 : laneCount(recorded, samples));
  const fits = samples % count === 0 && samples >= LEAST * count && !(SHARES in fed.batch);
  const asks = count > 1 && (fits || known === undefined);
  const apart = asks ? tryLanes(library, passes, fed.batch, count, fits ? recorded : undefined) : undefined;
  const plain = { write: () => improve(recorded), lanes: known ?? (apart && !fits ? count : 1) };
  return { ...found, ways: apart && fits ? [{ write: () => improve(apart), lanes: count }, plain] : [plain] };
}

/** The pass in lanes, as it shows over `whole` batch and over a part of it; undefined if samples meet, or the model takes only as many as there are. */
function tryLanes(
  library: typeof tf,
  passes: Passes,
  batch: Batch,
  count: number,
  whole?: Program,
): Program | undefined {
  let program: Program | undefined;
  const fedOf = (of: Batch): Fed => {
    const made = [...valuesOf(of.xs), ...valuesOf(of.ys)] as tf.Tensor[];
    return { given: of, batch: of, tensors: made, made };
  };
  library.tidy(() => {
    // How many samples there are tells nothing: if too few, they come again.
    const long = whole ? batch : repeatSamples(batch, LEAST * count);
    const part = sliceBatch(long, 0, samplesOf(long) / count);
    try {
      const over = whole ?? recordProgram(library, passes, fedOf(long)).program;
      program = inLanes(over, recordOnce(library, passes, fedOf(part)), count);
    } catch (error) {
      if (isOutOfMemory(error)) throw error;
    }
  });
  return program;
}

/** Adds the program of the first way to `programs` with which `work` does not fail. */
export function firstThatFits(
  programs: Program[],
  [next, ...rest]: readonly Candidate[],
  work: (candidate: Candidate) => void,
): void {
  programs.push(next!.write());
  try {
    work(next!);
  } catch (error) {
    programs.pop();
    if (rest.length === 0) throw error;
    firstThatFits(programs, rest, work);
  }
}
