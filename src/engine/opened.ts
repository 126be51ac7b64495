import type * as tf from '@tensorflow/tfjs';

import type { CompileStep } from '../core/compiler.js';

/** What each engine's own `open` gives: TensorFlow.js set to it, and what only the engine knows. */
export interface Opened {
  readonly tf: typeof tf;
  /** What it runs on, in a few words: 'SIMD, 1 thread', 'TensorFlow 2.21.0, CPU'. */
  readonly about: string;
  /** Live tensors by the engine's own count, where it has one. */
  readonly liveHandles?: () => number;
  /** Runs whole training steps in one piece. */
  readonly compileStep?: CompileStep;
  /** Gives back what would keep the process alive. */
  readonly close?: () => void;
}
