import type { Formula } from '../../core/optimizer.js';
import type { WeightSlot } from '../../core/weights.js';
import { RATE, type AddUpdate } from './finish.js';
import { add, addFloat, addScalar, FLOAT, type Graph } from './graph.js';
import { slotVariables } from './slots.js';
import type { Update } from './update.js';
import { addRead, type GraphVariable } from './variables.js';
import type { WeightGroup } from './weightGroups.js';

/** Gradient descent, with momentum or without, by TensorFlow's own ops; weight decay is added to the gradients. */
export function sgdUpdate(
  { momentum, nesterov, weightDecay }: Extract<Formula, { kind: 'sgd' }>,
  slots: readonly WeightSlot[],
  groups: readonly WeightGroup[],
): Update {
  const velocity = slotVariables('velocity', slots, groups);
  const decayed = (graph: Graph, gradient: string, weight: GraphVariable, gate: readonly string[]): string => {
    if (weightDecay === 0) return gradient;
    const { name } = weight;
    addFloat(graph, `sgd/pull/${name}`, 'Mul', [addRead(graph, `sgd/read/${name}`, weight, gate), 'sgd/decay']);
    return addFloat(graph, `sgd/slope/${name}`, 'AddV2', [gradient, `sgd/pull/${name}`]);
  };
  const addUpdate: AddUpdate = (graph, gradients, gate) => {
    addScalar(graph, 'sgd/decay', weightDecay);
    addScalar(graph, 'sgd/momentum', momentum);
    return groups.map(({ target: weight }, i) => {
      const slope = decayed(graph, gradients[i]!, weight, gate);
      const name = `sgd/apply/${weight.name}`;
      if (momentum === 0)
        return addFloat(graph, name, 'ResourceApplyGradientDescent', [weight.name, RATE, slope, ...gate]);
      const inputs = [weight.name, velocity.variables[i]!.name, RATE, slope, 'sgd/momentum', ...gate];
      return add(graph, name, 'ResourceApplyMomentum', inputs, { T: { type: FLOAT }, use_nesterov: { b: nesterov } });
    });
  };
  if (momentum === 0) return { add: addUpdate, variables: [], split: () => ({}), named: () => ({}) };
  return {
    add: addUpdate,
    variables: velocity.variables,
    split: (state) => velocity.split(state['velocity']!),
    named: velocity.named,
  };
}
