import type { Formula } from '../../core/optimizer.js';
import type { WeightSlot } from '../../core/weights.js';
import { RATE, type AddUpdate } from './finish.js';
import { addFloat, addScalar } from './graph.js';
import { slotVariables } from './slots.js';
import type { Update } from './update.js';
import type { WeightGroup } from './weightGroups.js';

/** Adagrad by TensorFlow's own op. */
export function adagradUpdate(
  { epsilon }: Extract<Formula, { kind: 'adagrad' }>,
  slots: readonly WeightSlot[],
  groups: readonly WeightGroup[],
): Update {
  const squares = slotVariables('squares', slots, groups);
  const add: AddUpdate = (graph, gradients, gate) => {
    addScalar(graph, 'adagrad/epsilon', epsilon);
    return groups.map(({ target: { name } }, i) =>
      addFloat(graph, `adagrad/apply/${name}`, 'ResourceApplyAdagradV2', [
        ...[name, squares.variables[i]!.name, RATE, 'adagrad/epsilon', gradients[i]!],
        ...gate,
      ]),
    );
  };
  return {
    add,
    variables: squares.variables,
    split: (state) => squares.split(state['squares']!),
    named: squares.named,
  };
}
