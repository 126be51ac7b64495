import type * as tf from '@tensorflow/tfjs';

import type { Formula, Optimizer } from '../../core/optimizer.js';
import type { WeightSlot } from '../../core/weights.js';
import { RATE, type AddUpdate } from './finish.js';
import { addFloat, addScalar, FLOAT } from './graph.js';
import { slotVariables } from './slots.js';
import type { Update } from './update.js';
import { addAssign, type GraphVariable } from './variables.js';

/**
 * Adam and AdamW by TensorFlow's own op, which reads and writes each weight once.
 *
 * The op adds ε beside the root of the uncorrected mean square, PyTorch and we beside the corrected one: ε times the correction makes them equal.
 */
export function adamUpdate(
  optimizer: Optimizer,
  { betas, epsilon, weightDecay, decays }: Extract<Formula, { kind: 'adam' }>,
  slots: readonly WeightSlot[],
  targets: readonly GraphVariable[],
): Update {
  const [beta1, beta2] = [Math.fround(betas[0]), Math.fround(betas[1])];
  const first = slotVariables('first', slots);
  const second = slotVariables('second', slots);
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
      addFloat(graph, `adam/shrunk/${weight.name}`, 'Mul', [`read/${weight.name}`, 'adam/kept']);
      return `^${addAssign(graph, `adam/shrink/${weight.name}`, weight, `adam/shrunk/${weight.name}`, gate)}`;
    };
    const applied = targets.map((weight, i) =>
      addFloat(graph, `adam/apply/${weight.name}`, 'ResourceApplyAdam', [
        weight.name,
        first.variables[i]!.name,
        second.variables[i]!.name,
        ...['adam/power1', 'adam/power2', RATE, 'adam/beta1', 'adam/beta2', 'adam/corrected'],
        gradients[i]!,
        ...(weightDecay > 0 && decays(slots[i]!) ? [shrink(weight)] : []),
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
    join: (held) => ({
      ...optimizer.init(slots), // what does not change: which weights are exempt
      first: first.join(held),
      second: second.join(held),
      beta1Power: held[power1.name] as tf.Tensor,
      beta2Power: held[power2.name] as tf.Tensor,
    }),
  };
}
