import { add, addConstant, addFloat, addScalar, FLOAT, INT, type Graph, type GraphNode } from './graph.js';
import type { Settled } from './settle.js';

/** What is in a graph already, whatever it is called there. */
export type Rename = (ref: string) => string;

/**
 * Adds to a graph what a recording has written down, every name after `prefix`.
 *
 * @param known - Names that stand for nodes that the graph has by themselves: they keep the name that is given.
 * @param seed - The node that a random op gets its seed from: two integers, fed anew for each run.
 * @returns What a name of the recording is called in the graph.
 */
export function addRecorded(
  graph: Graph,
  prefix: string,
  nodes: readonly GraphNode[],
  hosts: readonly Settled[],
  known: Readonly<Record<string, string>>,
  seed: string,
): Rename {
  const rename: Rename = (ref) =>
    ref.replace(/^(\^?)(.*?)((?::\d+)?)$/, (_, mark: string, node: string, output: string) =>
      [mark, known[node] ?? prefix + node, output].join(''),
    );
  for (const host of hosts) {
    if (host.random) addRandom(graph, rename(host.name), host, seed);
    else addConstant(graph, rename(host.name), host);
  }
  for (const { name, op, input, attr } of nodes) add(graph, rename(name), op, input.map(rename), attr);
  return rename;
}

/** Adds a node that draws like a host tensor was drawn; the same for the same seed. */
function addRandom(graph: Graph, name: string, { name: host, shape, random }: Settled, seed: string): void {
  const { op, scale, offset } = random!;
  // Two tensors of a step must not get the same numbers.
  const own = Int32Array.of(Math.imul(Number(host.replace(/\D/g, '')) + 1, 0x9e3779b9), 0);
  addConstant(graph, `${name}/own`, { dtype: INT, shape: [2], values: own });
  add(graph, `${name}/seed`, 'BitwiseXor', [seed, `${name}/own`], { T: { type: INT } });
  addConstant(graph, `${name}/shape`, { dtype: INT, shape: [shape.length], values: Int32Array.from(shape) });
  const types = { dtype: { type: FLOAT }, T: { type: INT }, Tseed: { type: INT } };
  add(graph, `${name}/drawn`, op, [`${name}/shape`, `${name}/seed`], types);
  addScalar(graph, `${name}/scale`, scale);
  addScalar(graph, `${name}/offset`, offset);
  addFloat(graph, `${name}/scaled`, 'Mul', [`${name}/drawn`, `${name}/scale`]);
  addFloat(graph, name, 'AddV2', [`${name}/scaled`, `${name}/offset`]);
}
