import type * as tf from '@tensorflow/tfjs';

import type { StepPlan } from '../../core/compiler.js';
import type { Backend, Output } from './backend.js';
import { addFinish, SCALE, type FinishNames } from './finish.js';
import { addFlatten } from './flat.js';
import { addFloat, FLOAT, type Graph } from './graph.js';
import { addProgram, addProgramInputs, LOSSES, type Program, type ProgramNames } from './program.js';
import { openSession } from './session.js';
import { syncedVariables, type Pair, type SyncedVariables } from './syncedVariables.js';
import type { Update } from './update.js';
import { addVariable, type GraphVariable } from './variables.js';
import { addGrouped, joinedGroups, type WeightGroup } from './weightGroups.js';

/** Tensors by the name of the graph's variable that they are loaded into. */
export type Values = Readonly<Record<string, tf.TensorInfo>>;

/** A training step as a graph that runs. */
export interface StepGraph {
  readonly programs: readonly ProgramNames[];
  readonly finish: FinishNames;
  readonly weights: SyncedVariables;
  readonly others: SyncedVariables;
  /** Runs the graph and gives back tensors, which are the caller's. */
  run(this: void, feeds: Values, fetches: readonly string[]): tf.Tensor[];
  /** The same for native tensors and names that have been joined. */
  call(this: void, inputs: readonly number[], inputRefs: string, outputRefs: string): tf.Tensor[];
  /** Sets everything to what it was when it was opened: the model's variables to theirs, the others to `values`. */
  reload(values: Values): void;
  /** What variables hold; all beside the model's unless given: sums, losses and the optimizer's state. */
  snapshot(variables?: readonly GraphVariable[]): Values;
  /** Hands the model's variables their values, and frees the graph. */
  close(): void;
}

/** The fetch of the window's sum as one vector, times what {@link SCALE} is fed. */
export const SUM = 'vector';

/** The variables that sum up the gradients of a window. */
function sumsOf({ weights }: StepPlan): GraphVariable[] {
  return weights.slots.map(({ shape }, i) => ({ name: `sum/${i}`, dtype: FLOAT, shape }));
}

/** Writes the graph of a step over batches of several shapes, and loads it with the model's weights and `values` for its other variables, to run in so many lanes. */
export function openStep(
  backend: Backend,
  plan: StepPlan,
  programs: readonly Program[],
  weights: readonly Pair[],
  others: readonly Pair[],
  groups: readonly WeightGroup[],
  update: Update,
  values: Values,
  lanes = 1,
): StepGraph {
  const graph: Graph = { nodes: [] };
  const sums = sumsOf(plan);
  const inside = [...sums, LOSSES, ...update.variables];
  const models = [...weights, ...others];
  const joined = joinedGroups(groups).map(({ target }) => target);
  for (const variable of [...models.map(({ inGraph }) => inGraph), ...inside, ...joined]) addVariable(graph, variable);
  addProgramInputs(graph);
  const variables = [...weights, ...others].map(({ inGraph }) => inGraph);
  const names = programs.map((program, i) => addProgram(graph, `pass${i}/`, program, variables, sums, plan.recovers));
  const reads = sums.map(({ name }) => `read/${name}`);
  const finish = addFinish(graph, addGrouped(graph, 'finish/sums', groups, reads), plan, update.add);
  addFloat(graph, SUM, 'Mul', [addFlatten(graph, 'joined', reads), SCALE]);

  const session = openSession(backend, graph, lanes);
  const free = (outputs: readonly Output[]): void => outputs.forEach(({ id }) => backend.binding.deleteTensor(id));
  const reload = (values: Values): void => {
    const entries = [
      ...models.map(({ variable, inGraph }) => [inGraph.name, variable] as const),
      ...Object.entries(values),
    ];
    const feeds = Object.fromEntries(entries.map(([name, tensor]) => [`given/${name}`, tensor]));
    const fetches = entries.map(([name]) => `load/${name}`);
    free(session.run(feeds, fetches));
  };
  let closed = false;
  const run: StepGraph['run'] = (feeds, fetches) =>
    session.run(feeds, fetches).map((output) => backend.createOutputTensor(output));
  reload(values);
  const synced = {
    weights: syncedVariables(backend, session, weights),
    others: syncedVariables(backend, session, others),
  };
  return {
    ...synced,
    programs: names,
    finish,
    run,
    call: (inputs, inputRefs, outputRefs) =>
      session.call(inputs, inputRefs, outputRefs).map((output) => backend.createOutputTensor(output)),
    reload,
    close: () => {
      if (closed) return;
      closed = true;
      synced.weights.pull();
      synced.others.pull();
      session.close();
    },
    snapshot: (variables = inside) => {
      const held = run({}, variables.map(({ name }) => `read/${name}`)); // prettier-ignore
      return Object.fromEntries(variables.map(({ name }, i) => [name, held[i]!]));
    },
  };
}
