import { addRecorded } from './addRecorded.js';
import { add, addFloat, addPlaceholder, FLOAT, INT, nodeOf, type Graph, type GraphNode } from './graph.js';
import { refsOf } from './session.js';
import type { Settled } from './settle.js';
import { addAssign, type GraphVariable } from './variables.js';

/** What becomes of the gradients of a micro-batch: the first of a window, a further one, one of another weight, one without, such a first one. */
export type Mode = (typeof MODES)[number];
const MODES = ['open', 'add', 'scaled', 'skip', 'zero'] as const;

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

/**
 * Adds a program's pass, and for each mode what adds its gradients to the variables `sums`.
 *
 * If it `recovers`, nothing is written until everything has been computed: a pass that fails half-way has changed nothing.
 */
export function addProgram(
  graph: Graph,
  prefix: string,
  program: Program,
  variables: readonly GraphVariable[],
  sums: readonly GraphVariable[],
  recovers: boolean,
): ProgramNames {
  const { nodes, hosts, feeds } = program;
  const known = Object.fromEntries(variables.map(({ name }) => [name, `read/${name}`]));
  feeds.forEach(({ dtype, shape }, i) => addPlaceholder(graph, `${prefix}feed${i}`, dtype, shape));
  const rename = addRecorded(graph, prefix, nodes, hosts, known, SEED);

  const gradients = program.gradients.map(rename);
  const loss = rename(program.loss);
  addFloat(graph, `${prefix}noLoss`, 'Sub', [loss, loss]);
  const fetches = MODES.map((mode) => {
    const at = `${prefix}${mode}/`;
    const opens = mode === 'open' || mode === 'zero';
    const values = gradients.flatMap((gradient, i) => {
      if (mode === 'skip') return [];
      if (mode === 'scaled') return [addFloat(graph, `${at}gradient${i}`, 'Mul', [gradient, SHARE])];
      return [mode === 'zero' ? addFloat(graph, `${at}gradient${i}`, 'ZerosLike', [gradient]) : gradient];
    });
    const metrics = program.metrics.map(rename);
    const own = program.assigned.map(({ variable, value }) => ({ variable, value: rename(value) }));
    const computed = [...values, ...metrics, ...own.map(({ value }) => value), `${prefix}noLoss`];
    const ready = recovers ? [after(add(graph, `${at}ready`, 'NoOp', computed.map(after)))] : [];
    const write = (variable: GraphVariable, value: string): string =>
      opens
        ? addAssign(graph, at + variable.name, variable, value, ready)
        : addFloat(graph, at + variable.name, 'AssignAddVariableOp', [variable.name, value, ...ready], 'dtype');
    const done = [
      ...values.map((value, i) => write(sums[i]!, value)),
      ...own.map(({ variable, value }) =>
        addAssign(graph, `${at}set/${variable.name}`, variable, value, [`^read/${variable.name}`, ...ready]),
      ),
      write(LOSSES, `${prefix}noLoss`),
    ];
    return [mode, [addFloat(graph, prefix + mode, 'Identity', [loss, ...done.map(after)]), ...metrics]] as const;
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

/** The input of a node that is to run after another. */
function after(ref: string): string {
  return `^${nodeOf(ref)}`;
}
