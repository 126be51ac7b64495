import { isFloat, withoutReshape, type Rule } from './draft.js';

/** A sum over all axes but the last is the gradient of a bias: BiasAddGrad. */
export const biasGradient: Rule = ({ op, input, attr, shapes }, draft) => {
  if (op !== 'Sum' || !isFloat(attr)) return undefined;
  const [[of], [to]] = [shapes!.in, shapes!.out] as [number[][], number[][]];
  const axes = draft.constant(input[1]!);
  const leads = Array.from(axes ?? []).every((axis) => axis >= 0 && axis < of!.length - 1);
  if (!axes || of!.length < 2 || axes.length !== of!.length - 1 || to!.length !== 1 || !leads) return undefined;
  return draft.add('BiasAddGrad', [withoutReshape(draft, input[0]!, of!)], to!);
};
