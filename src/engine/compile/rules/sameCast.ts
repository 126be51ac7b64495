import type { Rule } from './draft.js';

/** A Cast to the type that there is already is nothing. */
export const sameCast: Rule = ({ op, input, attr }) =>
  op === 'Cast' && JSON.stringify(attr['SrcT']) === JSON.stringify(attr['DstT']) ? input[0] : undefined;
