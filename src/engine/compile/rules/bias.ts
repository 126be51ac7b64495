import { isFloat, sameShape, withoutReshape, type Rule } from './draft.js';

/** A vector that is added to each row, or to each pixel, is a bias: BiasAdd, which TensorFlow fuses with what is before it and behind it. */
export const bias: Rule = ({ op, input, attr, shapes }, draft) => {
  if ((op !== 'Add' && op !== 'AddV2') || !isFloat(attr)) return undefined;
  const [to] = shapes!.out as [number[]];
  for (const [x, vector] of [
    [0, 1],
    [1, 0],
  ] as const) {
    if (to.length < 2 || !sameShape(shapes!.in[x], to) || !sameShape(shapes!.in[vector], to.slice(-1))) continue;
    const value = withoutReshape(draft, input[x]!, to);
    return draft.reshape(draft.add('BiasAdd', [value, input[vector]!], draft.shapeOf(value)!), to);
  }
  return undefined;
};
