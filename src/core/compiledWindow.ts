import type * as tf from '@tensorflow/tfjs';

import { tensorsOf } from './arrays.js';
import type { CompiledStep } from './compiler.js';
import { holdResults, restoreResults } from './heldResults.js';
import type { Held, Holding, Json } from './snapshot.js';
import type { ForwardPass, MicroBatchResult } from './values.js';

/** A window whose gradients are summed up in the graph. */
export interface CompiledWindow {
  readonly size: number;
  /** The weight that counts 1 in the sum of the gradients. */
  readonly unit: number;
  readonly weight: number;
  readonly samples: number;
  readonly microBatches: readonly MicroBatchResult[];
  readonly newest: ForwardPass;
}

/** What a window holds, for snapshots. */
export function holdWindow(
  step: CompiledStep,
  { microBatches, newest: _, ...counts }: CompiledWindow,
  globalStep: number,
): Required<Holding> {
  const { data, tensors: scalars } = holdResults(microBatches, '');
  return {
    data: { ...counts, globalStep, microBatches: data },
    tensors: { sum: step.gradients(1), ...scalars },
  };
}

/** The window that held it, its sum put back into the graph. */
export function restoreWindow(step: CompiledStep, held: Held, newest: ForwardPass): CompiledWindow {
  const { sum, ...scalars } = tensorsOf(held);
  const { microBatches: saved, ...counts } = held.data as unknown as CompiledWindow & { microBatches: Json };
  const microBatches = restoreResults(saved, scalars, '');
  step.setGradients(sum as tf.Tensor1D, microBatches);
  sum!.dispose();
  return { ...counts, microBatches, newest };
}
