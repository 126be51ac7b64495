import type { WeightSlot } from '../../core/weights.js';
import { addUnflatten } from './flat.js';
import { FLOAT, type Graph } from './graph.js';
import type { Program } from './program.js';

/** A pass that computes nothing: it is fed a vector of gradients and a loss that have been computed elsewhere. */
export function gradientProgram(slots: readonly WeightSlot[]): Program {
  const graph: Graph = { nodes: [] };
  const gradients = addUnflatten(graph, 'gradients', 'feed0', slots);
  const size = slots.reduce((sum, slot) => sum + slot.size, 0);
  const feeds = [
    { dtype: FLOAT, shape: [size] },
    { dtype: FLOAT, shape: [] },
  ];
  return { feeds, nodes: graph.nodes, hosts: [], loss: 'feed1', metrics: [], gradients, assigned: [], random: false };
}
