import type * as tf from '@tensorflow/tfjs';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Backend, Output } from './backend.js';
import type { Graph } from './graph.js';
import { encodeConfig, encodeSavedModel } from './schema.js';

/** A graph that TensorFlow has loaded; its variables keep their values from run to run. */
export interface Session {
  /** Feeds tensors by the name of a node, and gives back what `fetches` name, in order. The outputs are the caller's. */
  run(feeds: Readonly<Record<string, tf.TensorInfo>>, fetches: readonly string[]): Output[];
  /** The same, of native tensors and names that have been joined before ({@link refsOf}). */
  call(inputs: readonly number[], inputRefs: string, outputRefs: string): Output[];
  close(): void;
}

/**
 * Writes a graph as a SavedModel, which is the one kind that the binding loads, and loads it.
 *
 * @param lanes - Its ops run side by side in so many threads, each op in one; in one, one op after the other, each in all.
 */
export function openSession(backend: Backend, { nodes }: Graph, lanes: number): Session {
  const { binding } = backend;
  const folder = mkdtempSync(join(tmpdir(), 'gradstream-step-'));
  try {
    const graph = { node: nodes, versions: { producer: 1395 } };
    const model = { schemaVersion: 1, metaGraphs: [{ info: { tags: ['serve'] }, graph }] };
    writeFileSync(join(folder, 'saved_model.pb'), encodeSavedModel(model));
    if (!backend.isUsingGpuDevice) writeFileSync(join(folder, 'session_config.pb'), encodeConfig(onCpu(lanes)));
    const id = binding.loadSavedModel(folder, 'serve');
    const call: Session['call'] = (inputs, inputRefs, outputRefs) =>
      binding.runSavedModel(id, inputs, inputRefs, outputRefs);
    return {
      call,
      run: (feeds, fetches) =>
        call(backend.getInputTensorIds(Object.values(feeds)), refsOf(Object.keys(feeds)), refsOf(fetches)),
      close: () => binding.deleteSavedModel(id),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * What lies beside a graph as `session_config.pb` is the session's (`src/engine/node/install/sessionConfig.ts`).
 *
 * TensorFlow's own optimizer of graphs finds nothing any more that would pay on a CPU, and takes a second for a large one.
 */
const onCpu = (lanes: number) => ({
  ...(lanes > 1 && { intraOpThreads: 1, interOpThreads: lanes, usePerSessionThreads: true }),
  graphOptions: { rewriteOptions: { disableMetaOptimizer: true } },
});

/** Names of nodes as the binding wants them. */
export function refsOf(refs: readonly string[]): string {
  return refs.map((ref) => (ref.includes(':') ? ref : `${ref}:0`)).join();
}
