import { add, addFloat, addPlaceholder, addScalar, BOOL, FLOAT, type Graph } from './graph.js';
import { LOSSES } from './program.js';
import { refsOf } from './session.js';

/** What a window's end does, beside the update. */
export interface FinishOptions {
  /** Bounds the gradients' global norm. */
  readonly clips: boolean;
  /** Leaves everything as it is if a loss or a gradient is not finite. */
  readonly skips: boolean;
}

/** Adds the nodes that change weights and state by gradients, one for each group of weights; `gate` are inputs that each changing node must have. */
export type AddUpdate = (graph: Graph, gradients: readonly string[], gate: readonly string[]) => readonly string[];

/** What is fed at a window's end: the factor that turns sums into means, the learning rate, the most the norm may be. */
export const SCALE = 'scale';
export const RATE = 'rate';
export const LIMIT = 'limit';

/** What to fetch at a window's end: the first runs the update. */
interface Fetches {
  readonly done: string;
  readonly norm?: string;
  readonly finite?: string;
}

export interface FinishNames extends Fetches {
  /** All that is fed, joined: the scale, the rate, and the limit where there is clipping. */
  readonly inputs: string;
  /** All that is fetched, joined, in the order above. */
  readonly outputs: string;
}

/** Adds a window's end: the mean of the gradients, which are given as sums, its norm and clipping, the check, the update. */
export function addFinish(
  graph: Graph,
  sums: readonly string[],
  options: FinishOptions,
  addUpdate: AddUpdate,
): FinishNames {
  for (const name of [SCALE, RATE, LIMIT]) addPlaceholder(graph, name, FLOAT, []);
  const fetches = addFetches(graph, sums, options, addUpdate);
  const { done, norm, finite } = fetches;
  const inputs = refsOf(options.clips ? [SCALE, RATE, LIMIT] : [SCALE, RATE]);
  return { ...fetches, inputs, outputs: refsOf([done, norm ?? [], finite ?? []].flat()) };
}

function addFetches(
  graph: Graph,
  sums: readonly string[],
  { clips, skips }: FinishOptions,
  addUpdate: AddUpdate,
): Fetches {
  const factor = clips ? addClip(graph, sums) : SCALE;
  const gradients = sums.map((sum, i) => addFloat(graph, `finish/gradient${i}`, 'Mul', [sum, factor]));
  if (!skips) {
    const updates = addUpdate(graph, gradients, []).map((name) => `^${name}`);
    const done = addFloat(graph, 'finish', 'Identity', [SCALE, ...updates]);
    return clips ? { done, norm: 'finish/norm' } : { done };
  }
  const finite = addFiniteness(graph, gradients);
  // What takes a dead input does not run: every change waits for the branch that is taken only if all is finite.
  add(graph, 'finish/branch', 'Switch', [finite, finite], { T: { type: BOOL } });
  add(graph, 'finish/taken', 'Identity', ['finish/branch:1'], { T: { type: BOOL } });
  const updates = addUpdate(graph, gradients, ['^finish/taken']).map((name) => `^${name}`);
  add(graph, 'finish/updated', 'Identity', ['finish/branch:1', ...updates], { T: { type: BOOL } });
  const merged = { N: { i: 2 }, T: { type: BOOL } };
  add(graph, 'finish', 'Merge', ['finish/branch', 'finish/updated'], merged);
  add(graph, 'finish/finite', 'Cast', [finite], { SrcT: { type: BOOL }, DstT: { type: FLOAT } });
  return { done: 'finish', finite: 'finish/finite', ...(clips && { norm: 'finish/norm' }) };
}

/** Adds the norm of all gradients together, and the factor that makes means of sums and keeps the norm within its limit. */
function addClip(graph: Graph, sums: readonly string[]): string {
  const halves = sums.map((sum, i) => addFloat(graph, `finish/half${i}`, 'L2Loss', [sum]));
  const half = add(graph, 'finish/half', 'AddN', halves, { N: { i: halves.length }, T: { type: FLOAT } });
  addScalar(graph, 'finish/two', 2);
  addFloat(graph, 'finish/square', 'Mul', [half, 'finish/two']);
  addFloat(graph, 'finish/root', 'Sqrt', ['finish/square']);
  const norm = addFloat(graph, 'finish/norm', 'Mul', ['finish/root', SCALE]);
  addFloat(graph, 'finish/most', 'Maximum', [norm, LIMIT]);
  addFloat(graph, 'finish/share', 'RealDiv', [LIMIT, 'finish/most']);
  return addFloat(graph, 'finish/factor', 'Mul', [SCALE, 'finish/share']);
}

/** Adds whether all gradients and losses are finite: x − x is 0 for those, and NaN for the others. */
function addFiniteness(graph: Graph, gradients: readonly string[]): string {
  const nothing = gradients.map((gradient, i) => {
    addFloat(graph, `finish/none${i}`, 'Sub', [gradient, gradient]);
    return addFloat(graph, `finish/nothing${i}`, 'L2Loss', [`finish/none${i}`]);
  });
  const all = [...nothing, `read/${LOSSES.name}`];
  add(graph, 'finish/nothing', 'AddN', all, { N: { i: all.length }, T: { type: FLOAT } });
  return add(graph, 'finish/isFinite', 'IsFinite', ['finish/nothing'], { T: { type: FLOAT } });
}
