import type * as tf from '@tensorflow/tfjs';

import { nameVectors } from '../../core/namedVectors.js';
import type { Formula, Optimizer, OptimizerState } from '../../core/optimizer.js';
import type { WeightSlot } from '../../core/weights.js';
import { RATE, type AddUpdate } from './finish.js';
import { addFloat, addScalar, FLOAT } from './graph.js';
import { slotVariables } from './slots.js';
import type { Update } from './update.js';
import { addAssign, addRead, type GraphVariable } from './variables.js';
import type { WeightGroup } from './weightGroups.js';

/**
 * Adam and AdamW by TensorFlow's own op, which reads and writes each weight once.
 *
 * The op adds ε beside the root of the uncorrected mean square, PyTorch and we beside the corrected one: ε times the correction makes them equal.
 */
export function adamUpdate(
  optimizer: Optimizer,
  { betas, epsilon, weightDecay, decays }: Extract<Formula, { kind: 'adam' }>,
  state: OptimizerState,
  slots: readonly WeightSlot[],
  groups: readonly WeightGroup[],
): Update {
  const [beta1, beta2] = [Math.fround(betas[0]), Math.fround(betas[1])];
  const first = slotVariables('first', slots, groups);
  const second = slotVariables('second', slots, groups);
  const hasConstants = Object.keys(constantsOf(state)).length > 0;
  const power1: GraphVariable = { name: 'state/beta1Power', dtype: FLOAT, shape: [] };
  const power2: GraphVariable = { name: 'state/beta2Power', dtype: FLOAT, shape: [] };

  const add: AddUpdate = (graph, gradients, gate) => {
    const constants = { beta1, beta2, one: 1, zero: 0, epsilon, decay: weightDecay };
    for (const [name, value] of Object.entries(constants)) addScalar(graph, `adam/${name}`, value);
    addFloat(graph, 'adam/power1', 'Mul', [`read/${power1.name}`, 'adam/beta1']);
    addFloat(graph, 'adam/power2', 'Mul', [`read/${power2.name}`, 'adam/beta2']);
    addFloat(graph, 'adam/share', 'Sub', ['adam/one', 'adam/power2']);
    addFloat(graph, 'adam/root', 'Sqrt', ['adam/share']);
    addFloat(graph, 'adam/corrected', 'Mul', ['adam/epsilon', 'adam/root']);
    addFloat(graph, 'adam/lost', 'Mul', [RATE, 'adam/decay']);
    addFloat(graph, 'adam/rest', 'Sub', ['adam/one', 'adam/lost']);
    addFloat(graph, 'adam/kept', 'Maximum', ['adam/rest', 'adam/zero']);
    const shrink = (weight: GraphVariable): string => {
      const shrunk = `adam/shrunk/${weight.name}`;
      addFloat(graph, shrunk, 'Mul', [addRead(graph, `${shrunk}/of`, weight, gate), 'adam/kept']);
      return `^${addAssign(graph, `adam/shrink/${weight.name}`, weight, shrunk, gate)}`;
    };
    const applied = groups.map(({ target, slots: own }, i) =>
      addFloat(graph, `adam/apply/${target.name}`, 'ResourceApplyAdam', [
        target.name,
        first.variables[i]!.name,
        second.variables[i]!.name,
        ...['adam/power1', 'adam/power2', RATE, 'adam/beta1', 'adam/beta2', 'adam/corrected'],
        gradients[i]!,
        ...(weightDecay > 0 && decays(own[0]!) ? [shrink(target)] : []),
        ...gate,
      ]),
    );
    return [
      ...applied,
      addAssign(graph, 'adam/set1', power1, 'adam/power1', gate),
      addAssign(graph, 'adam/set2', power2, 'adam/power2', gate),
    ];
  };
  return {
    add,
    variables: [...first.variables, ...second.variables, power1, power2],
    split: (state) => ({
      ...first.split(state['first']!),
      ...second.split(state['second']!),
      [power1.name]: state['beta1Power']!,
      [power2.name]: state['beta2Power']!,
    }),
    named: (held) => ({
      ...(hasConstants && nameVectors(constantsOf(optimizer.init(slots)), slots)),
      ...first.named(held),
      ...second.named(held),
      beta1Power: held[power1.name] as tf.Tensor,
      beta2Power: held[power2.name] as tf.Tensor,
    }),
  };
}

/** What no step changes: which weights are exempt from decay. */
function constantsOf(state: OptimizerState): OptimizerState {
  const changing = ['first', 'second', 'beta1Power', 'beta2Power'];
  return Object.fromEntries(Object.entries(state).filter(([name]) => !changing.includes(name)));
}
