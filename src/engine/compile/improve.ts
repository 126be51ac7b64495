import { nodeOf, type GraphNode } from './graph.js';
import type { Program } from './program.js';
import { bias } from './rules/bias.js';
import { biasGradient } from './rules/biasGradient.js';
import { draftOf, type Rule } from './rules/draft.js';
import { matMul } from './rules/matMul.js';
import { reluGradient } from './rules/reluGradient.js';
import { reshape } from './rules/reshape.js';
import { sameCast } from './rules/sameCast.js';
import { sigmoidGradient } from './rules/sigmoidGradient.js';
import { softmaxCrossEntropy } from './rules/softmaxCrossEntropy.js';
import { tanhGradient } from './rules/tanhGradient.js';

export const RULES: Readonly<Record<string, Rule>> = {
  sameCast,
  reshape,
  matMul,
  bias,
  biasGradient,
  reluGradient,
  sigmoidGradient,
  tanhGradient,
  softmaxCrossEntropy,
};

/** A program that computes the same in fewer and cheaper ops: those that TensorFlow has, and its optimizer does not find in what TensorFlow.js runs. */
export function improve(program: Program, rules: Readonly<Record<string, Rule>> = RULES): Program {
  if (program.nodes.some(({ shapes }) => !shapes)) return program;
  const draft = draftOf(program);
  for (const recorded of program.nodes) {
    const node = { ...recorded, input: recorded.input.map(draft.rename) };
    const better = firstOf(Object.values(rules), (rule) => rule(node, draft));
    if (better === undefined) draft.keep(node);
    else draft.replace(node.name, better);
  }
  const { nodes, hosts } = draft.written();
  const results = {
    loss: draft.rename(program.loss),
    metrics: program.metrics.map(draft.rename),
    gradients: program.gradients.map(draft.rename),
    assigned: program.assigned.map(({ variable, value }) => ({ variable, value: draft.rename(value) })),
  };
  const { loss, metrics, gradients, assigned } = results;
  const used = usedBy(nodes, [loss, ...metrics, ...gradients, ...assigned.map(({ value }) => value)]);
  return {
    ...program,
    ...results,
    nodes: nodes.filter(({ name }) => used.has(name)),
    hosts: hosts.filter(({ name, random }) => random || used.has(name)),
  };
}

function firstOf<T, R>(values: readonly T[], project: (value: T) => R | undefined): R | undefined {
  for (const value of values) {
    const result = project(value);
    if (result !== undefined) return result;
  }
  return undefined;
}

/** The nodes, hosts and variables that some results depend on. */
function usedBy(nodes: readonly GraphNode[], results: readonly string[]): Set<string> {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const used = new Set<string>();
  const open = results.map(nodeOf);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (used.has(name)) continue;
    used.add(name);
    open.push(...(byName.get(name)?.input ?? []).map(nodeOf));
  }
  return used;
}
