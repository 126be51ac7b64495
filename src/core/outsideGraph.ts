import { map, pipe, type MonoTypeOperatorFunction } from 'rxjs';

import { disposeTensors } from './batch.js';
import type { CompiledStep } from './compiler.js';
import type { GradientStep } from './values.js';

/** A window that is full; its gradients are a sum in the graph, to be multiplied by `scale`. */
export interface FullWindow {
  readonly full: Omit<GradientStep, 'gradients'>;
  readonly scale: number;
}

/** Takes the mean of a window's gradients out of the graph, through a stage, and back. */
export function outsideGraph(
  step: CompiledStep,
  stage: MonoTypeOperatorFunction<GradientStep>,
): MonoTypeOperatorFunction<FullWindow> {
  return pipe(
    map(({ full, scale }: FullWindow): GradientStep => ({ ...full, gradients: step.gradients(scale) })),
    stage,
    map(({ gradients, ...full }) => {
      try {
        step.setGradients(gradients, full.microBatches);
        return { full, scale: 1 };
      } catch (error) {
        disposeTensors(full.microBatches);
        throw error;
      } finally {
        gradients.dispose();
      }
    }),
  );
}
