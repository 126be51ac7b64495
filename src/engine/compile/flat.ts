import type { WeightSlot } from '../../core/weights.js';
import { add, addConstant, FLOAT, INT, type Graph } from './graph.js';

/** Adds what joins one value per variable to a vector, as core's `flatten` does. */
export function addFlatten(graph: Graph, name: string, refs: readonly string[]): string {
  addInts(graph, `${name}/line`, [-1], [1]);
  if (refs.length === 1) return addReshape(graph, name, refs[0]!, `${name}/line`);
  addInts(graph, `${name}/axis`, [0], []);
  const lines = refs.map((ref, i) => addReshape(graph, `${name}/${i}`, ref, `${name}/line`));
  return add(graph, name, 'ConcatV2', [...lines, `${name}/axis`], {
    N: { i: lines.length },
    T: { type: FLOAT },
    Tidx: { type: INT },
  });
}

/** Adds what cuts a vector into one value per variable; core's `unflatten`. */
export function addUnflatten(graph: Graph, name: string, vector: string, slots: readonly WeightSlot[]): string[] {
  const sizes = slots.map(({ size }) => size);
  addInts(graph, `${name}/sizes`, sizes, [sizes.length]);
  addInts(graph, `${name}/axis`, [0], []);
  add(graph, name, 'SplitV', [vector, `${name}/sizes`, `${name}/axis`], {
    num_split: { i: sizes.length },
    T: { type: FLOAT },
    Tlen: { type: INT },
  });
  return slots.map(({ shape }, i) => {
    addInts(graph, `${name}/shape${i}`, shape, [shape.length]);
    return addReshape(graph, `${name}/${i}`, `${name}:${i}`, `${name}/shape${i}`);
  });
}

function addInts(graph: Graph, name: string, values: readonly number[], shape: readonly number[]): void {
  addConstant(graph, name, { dtype: INT, shape, values: Int32Array.from(values) });
}

function addReshape(graph: Graph, name: string, value: string, shape: string): string {
  return add(graph, name, 'Reshape', [value, shape], { T: { type: FLOAT }, Tshape: { type: INT } });
}
