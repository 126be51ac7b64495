import { nodeOf, type GraphNode } from './graph.js';
import type { Program } from './program.js';
import { bias } from './rules/bias.js';
import { biasGradient } from './rules/biasGradient.js';
import { draftOf, type Rule } from './rules/draft.js';
import { gelu } from './rules/gelu.js';
import { matMul } from './rules/matMul.js';
import { reluGradient } from './rules/reluGradient.js';
import { reshape } from './rules/reshape.js';
import { sameCast } from './rules/sameCast.js';
import { sigmoidGradient } from './rules/sigmoidGradient.js';
import { softmaxCrossEntropy } from './rules/softmaxCrossEntropy.js';
import { sumOfProducts } from './rules/sumOfProducts.js';
import { tanhGradient } from './rules/tanhGradient.js';

const RULES: readonly Rule[] = [
  sameCast,
  reshape,
  matMul,
  sumOfProducts,
  bias,
  biasGradient,
  reluGradient,
  sigmoidGradient,
  tanhGradient,
  softmaxCrossEntropy,
  gelu,
];

/**
 * A program that gives the same in fewer and cheaper ops: TensorFlow has some for what TensorFlow.js composes, and its own optimizer does not find
 * them.
 *
 * The rules are tried on one node after the other, and see what has become of those before it. What nothing uses any more is left out.
 */
export function improve(program: Program): Program {
  const draft = draftOf(program);
  for (const recorded of program.nodes) {
    const node = { ...recorded, input: recorded.input.map(draft.rename) };
    const better = RULES.reduce<string | undefined>((ref, rule) => ref ?? rule(node, draft), undefined);
    if (better === undefined) draft.keep(node);
    else draft.replace(node.name, better);
  }
  const results = {
    loss: draft.rename(program.loss),
    metrics: program.metrics.map(draft.rename),
    gradients: program.gradients.map(draft.rename),
    assigned: program.assigned.map(({ variable, value }) => ({ variable, value: draft.rename(value) })),
  };
  const { loss, metrics, gradients, assigned } = results;
  const { nodes, hosts } = draft.written();
  const needed = neededFor([loss, ...metrics, ...gradients, ...assigned.map(({ value }) => value)], nodes);
  return {
    ...program,
    ...results,
    nodes: nodes.filter(({ name }) => needed.has(name)),
    hosts: hosts.filter(({ name, random }) => random || needed.has(name)), // what is random is fed when the graph is checked
  };
}

/** The names of all that some results depend on. */
function neededFor(results: readonly string[], nodes: readonly GraphNode[]): Set<string> {
  const inputs = new Map(nodes.map(({ name, input }) => [name, input]));
  const needed = new Set<string>();
  const open = [...results];
  for (let ref = open.pop(); ref !== undefined; ref = open.pop()) {
    const name = nodeOf(ref);
    if (needed.has(name)) continue;
    needed.add(name);
    open.push(...(inputs.get(name) ?? []));
  }
  return needed;
}
