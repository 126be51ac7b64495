import { addRecorded } from './addRecorded.js';
import { addFloat, addPlaceholder, FLOAT, INT, type Graph, type GraphNode } from './graph.js';
import { refsOf } from './session.js';
import type { Settled } from './settle.js';
import { addAssign, type GraphVariable } from './variables.js';

/** What becomes of the gradients of a micro-batch: the first of a window, a further one, one of another weight, one without, such a first one. */
export type Mode = 'open' | 'add' | 'scaled' | 'skip' | 'zero';

/** The forward and backward pass over batches of one shape. */
export interface Program {
  /** The batch's tensors in order: inputs, labels, and the samples' shares if it weighs them. */
  readonly feeds: readonly { readonly dtype: number; readonly shape: readonly number[] }[];
  readonly nodes: readonly GraphNode[];
  readonly hosts: readonly Settled[];
  readonly loss: string;
  readonly metrics: readonly string[];
  /** In the order of the weights. */
  readonly gradients: readonly string[];
  /** The shape of the predictions, where there is one tensor of them. */
  readonly predictions?: readonly number[];
  /** Whether it draws random numbers. */
  readonly random: boolean;
  /** Variables that the pass itself sets (a batch norm's moving mean), and to what. */
  readonly assigned: readonly { readonly variable: GraphVariable; readonly value: string }[];
}

/** What a graph calls the parts of a program. */
export interface ProgramNames {
  readonly feeds: readonly string[];
  readonly fetches: Readonly<Record<Mode, readonly string[]>>;
  /** All that is fed and fetched, joined: the batch, then the seed and the share where they are needed. */
  readonly calls: Readonly<Record<Mode, { readonly inputs: string; readonly outputs: string }>>;
}

/** The fed integers that random ops start from, and the fed share of a micro-batch in its window. */
export const SEED = 'seed';
export const SHARE = 'share';
/** Adds up 0 · loss over a window: 0, or NaN once a loss was not finite. */
export const LOSSES: GraphVariable = { name: 'losses', dtype: FLOAT, shape: [] };

export function addProgramInputs(graph: Graph): void {
  addPlaceholder(graph, SEED, INT, [2]);
  addPlaceholder(graph, SHARE, FLOAT, []);
}

/** Adds a program's pass, and for each mode what adds its gradients to the variables `sums`. */
export function addProgram(
  graph: Graph,
  prefix: string,
  program: Program,
  variables: readonly GraphVariable[],
  sums: readonly GraphVariable[],
): ProgramNames {
  const { nodes, hosts, feeds } = program;
  const known = Object.fromEntries(variables.map(({ name }) => [name, `read/${name}`]));
  feeds.forEach(({ dtype, shape }, i) => addPlaceholder(graph, `${prefix}feed${i}`, dtype, shape));
  const rename = addRecorded(graph, prefix, nodes, hosts, known, SEED);

  const gradients = program.gradients.map(rename);
  const loss = rename(program.loss);
  const own = program.assigned.map(({ variable, value }) =>
    addAssign(graph, `${prefix}set/${variable.name}`, variable, rename(value), [`^read/${variable.name}`]),
  );
  addFloat(graph, `${prefix}noLoss`, 'Sub', [loss, loss]);
  const each = (mode: Mode, write: (name: string, sum: GraphVariable, gradient: string) => string): string[] =>
    sums.map((sum, i) => write(`${prefix}${mode}/${sum.name}`, sum, gradients[i]!));
  const plus = (name: string, sum: GraphVariable, value: string): string =>
    addFloat(graph, name, 'AssignAddVariableOp', [sum.name, value], 'dtype');
  const writes: Record<Mode, string[]> = {
    open: each('open', (name, sum, g) => addAssign(graph, name, sum, g)),
    add: each('add', plus),
    scaled: each('scaled', (name, sum, g) => plus(name, sum, addFloat(graph, `${name}/g`, 'Mul', [g, SHARE]))),
    skip: [],
    zero: each('zero', (name, sum, g) => addAssign(graph, name, sum, addFloat(graph, `${name}/g`, 'ZerosLike', [g]))),
  };
  const fetches = Object.entries(writes).map(([mode, writing]) => {
    const opens = mode === 'open' || mode === 'zero';
    const check = opens
      ? addAssign(graph, `${prefix}${mode}/check`, LOSSES, `${prefix}noLoss`)
      : plus(`${prefix}${mode}/check`, LOSSES, `${prefix}noLoss`);
    const done = [...writing, ...own, check].map((name) => `^${name}`);
    return [
      mode as Mode,
      [addFloat(graph, `${prefix}${mode}`, 'Identity', [loss, ...done]), ...program.metrics.map(rename)],
    ] as const;
  });
  const names = feeds.map((_, i) => `${prefix}feed${i}`);
  const seed = program.random ? [SEED] : [];
  const calls = fetches.map(([mode, outputs]) => {
    const inputs = [...names, ...seed, ...(mode === 'scaled' ? [SHARE] : [])];
    return [mode, { inputs: refsOf(inputs), outputs: refsOf(outputs) }] as const;
  });
  return {
    feeds: names,
    fetches: Object.fromEntries<readonly string[]>(fetches) as ProgramNames['fetches'],
    calls: Object.fromEntries(calls) as ProgramNames['calls'],
  };
}
