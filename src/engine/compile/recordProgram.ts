import type * as tf from '@tensorflow/tfjs';

import type { Backend } from './backend.js';
import type { Fed } from './feed.js';
import { nodeOf } from './graph.js';
import type { Program } from './program.js';
import type { Recording } from './record.js';
import { recordPass, type Outcome, type Passes } from './recordPass.js';
import { settle, type Settled } from './settle.js';
import type { Pair } from './syncedVariables.js';

/** What the eager pass computed: what the graph's must be equal to. Everything is on the host. */
export interface Expected {
  readonly scalars: readonly number[];
  readonly gradients: readonly ArrayLike<number>[];
  /** What the pass made at random, by the node that stands for it. */
  readonly drawn: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: Float32Array }>>;
}

/** A pass over a batch as it has been written down. */
export interface Recorded {
  readonly program: Program;
  readonly expected: Expected;
}

/** Runs the eager pass on a batch and writes it down: twice, to tell what is the same each time from what is not. */
export function recordProgram(library: typeof tf, passes: Passes, fed: Fed): Recorded {
  // Two draws that no micro-step has: a graph that passes the check passes it in every run with the same seed.
  const first = recordPass(library, passes, fed, -1);
  const second = recordPass(library, passes, fed, -2);
  const hosts = settle(first, second);
  const { numbers, vectors } = second.result;
  const drawn = hosts
    .filter(({ random }) => random)
    .map(({ name, shape, values }) => [name, { shape, values: values as Float32Array }] as const);
  return {
    program: programOf(library, fed, second, hosts),
    expected: { scalars: numbers, gradients: vectors, drawn: Object.fromEntries(drawn) },
  };
}

/** The same run once, where it is known already what is drawn anew each time: nothing says so of a tensor in here. */
export function recordOnce(library: typeof tf, passes: Passes, fed: Fed): Program {
  const recording = recordPass(library, passes, fed, -2);
  return programOf(library, fed, recording, recording.hosts);
}

function programOf(
  library: typeof tf,
  { tensors }: Fed,
  { result, nodes }: Recording<Outcome>,
  hosts: readonly Settled[],
): Program {
  const { tensorMap } = library.backend() as unknown as Backend;
  const [total, ...metrics] = result.scalars;
  return {
    feeds: tensors.map(({ dataId, shape }) => ({ dtype: tensorMap.get(dataId).dtype, shape })),
    nodes,
    hosts,
    loss: total!,
    random: hosts.some(({ random }) => random),
    ...(result.predictions && { predictions: result.predictions }),
    metrics,
    gradients: result.gradients,
    assigned: result.assigned,
  };
}

/** Which of the other variables a program uses. */
export function usedBy(program: Program, others: readonly Pair[]): Pair[] {
  const refs = new Set(
    [...program.nodes.flatMap(({ input }) => input), ...program.gradients, program.loss].map(nodeOf),
  );
  const assigned = new Set(program.assigned.map(({ variable }) => variable.name));
  return others.filter(({ inGraph: { name } }) => refs.has(name) || assigned.has(name));
}
