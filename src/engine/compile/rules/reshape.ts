import { isFloat, type Rule } from './draft.js';

/** A Reshape to the shape that there is already is nothing, and of several in a row the last one counts. */
export const reshape: Rule = ({ op, input, attr, shapes }, draft) =>
  op === 'Reshape' && isFloat(attr) ? draft.reshape(input[0]!, shapes!.out[0]!) : undefined;
