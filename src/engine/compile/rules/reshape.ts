import { isFloat, type Rule } from './draft.js';

/** A Reshape to the shape that there is already is nothing, and of several in a row the last one counts. */
export const reshape: Rule = (node, draft) =>
  node.op === 'Reshape' && isFloat(node) ? draft.reshape(node.input[0]!, node.shapes!.out[0]!) : undefined;
