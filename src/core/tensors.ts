import type * as tf from '@tensorflow/tfjs';
import type { ObservableInput } from 'rxjs';

import { EngineError } from './errors.js';

/**
 * The tensor library as far as the library needs it: a few functions of TensorFlow.js and an asynchronous read.
 *
 * Importing the types only is what lets `gradstream/operators` load without an engine.
 */
export interface Tensors extends Pick<
  typeof tf,
  | 'abs'
  | 'add'
  | 'addN'
  | 'argMax'
  | 'cast'
  | 'clipByValue'
  | 'concat'
  | 'customGrad'
  | 'dispose'
  | 'div'
  | 'equal'
  | 'gather'
  | 'keep'
  | 'log'
  | 'logSumExp'
  | 'logicalAnd'
  | 'max'
  | 'maximum'
  | 'mean'
  | 'minimum'
  | 'mul'
  | 'neg'
  | 'oneHot'
  | 'range'
  | 'relu'
  | 'reshape'
  | 'round'
  | 'scalar'
  | 'sigmoid'
  | 'sign'
  | 'slice'
  | 'softmax'
  | 'softplus'
  | 'split'
  | 'sqrt'
  | 'square'
  | 'stack'
  | 'step'
  | 'sub'
  | 'sum'
  | 'tensor'
  | 'tensor1d'
  | 'tidy'
  | 'variableGrads'
  | 'where'
  | 'variable'
  | 'zerosLike'
  | 'onesLike'
  | 'zeros'
  | 'log1p'
  | 'exp'
  | 'fill'
  | 'clone'
> {
  /** The values of a tensor, read from the device once: an array that nobody else has. */
  readonly read: (tensor: tf.Tensor) => ObservableInput<tf.TypedArray>;
  /** What computes, and in which version: `engine`, `device`, `@tensorflow/tfjs`. */
  readonly about: () => Readonly<Record<string, string>>;
  /** Does something, and lets it draw the same random numbers whenever seed and index are the same. */
  readonly seededDraws: <T>(seed: number, index: number, work: () => T) => T;
}

let bound: Tensors | undefined;

/** Makes `library` the one that every operator computes with; `engine()` calls it. */
export function bindTensors(library: Tensors): void {
  bound = library;
}

/**
 * The tensor library in force.
 *
 * @throws {@link EngineError} if no engine has been chosen yet.
 */
export function tensors(): Tensors {
  if (!bound) throw new EngineError("an engine must be chosen before anything is computed: `await engine('wasm')`");
  return bound;
}
