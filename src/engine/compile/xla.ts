import type { Attr } from './graph.js';
import type { Program } from './program.js';

/** The pass with its nodes marked, so that TensorFlow has XLA compile those that it can, together. */
export function withXla(program: Program): Program {
  const mark: Readonly<Record<string, Attr>> = {
    _XlaCompile: { b: true },
    _XlaScope: { s: new TextEncoder().encode('gradstream') },
  };
  return { ...program, nodes: program.nodes.map((node) => ({ ...node, attr: { ...node.attr, ...mark } })) };
}
