import type * as tf from '@tensorflow/tfjs';

import type { NdArray } from './batch.js';

/** Plain data, as it is in JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** What a stage holds between two batches: plain data and tensors by name. */
export interface Holding {
  readonly data?: Json;
  readonly tensors?: Readonly<Record<string, tf.Tensor>>;
}

/** What a stage held, on the host. */
export interface Held {
  readonly data?: Json;
  readonly arrays?: Readonly<Record<string, NdArray>>;
}

/** A run as it was between two batches: what each stage held, by its name. Tensors are copies, which the receiver owns. */
export type RunSnapshot = Readonly<Record<string, Holding & Held>>;

/** What takes part in a run's snapshots. */
export interface RunState {
  /** Takes part under a name, and gets back what the stage held in the snapshot that the run goes on from. */
  join(name: string, holding: () => Holding): Held | undefined;
  /** What the next stage of that name is given when it joins. */
  saved(name: string): Held | undefined;
  /**
   * Copies what everything in the run holds, as soon as nothing is under way: before the next batch, or at the end of the source. Settles with undefined
   * if the run is cut off before that.
   */
  snapshot(): Promise<RunSnapshot | undefined>;
}

/** A run as it was between two batches, as plain data: what a run can go on from. */
export interface Checkpoint {
  readonly globalStep: number;
  readonly microStep: number;
  readonly epoch: number;
  /** What it was made with: gradstream, TensorFlow.js, engine. */
  readonly versions?: Readonly<Record<string, string>>;
  readonly stages: Readonly<Record<string, Held>>;
}
