import { isFloat, sameShape, type Draft, type Rule } from './draft.js';
import { match, type Found, type OpPattern } from './match.js';

const INNER: OpPattern = ['Mul', ['TanhGrad', 'tanh', ['Mul', 'dy', 'half']], 'k'];
const CUBE: OpPattern = ['Mul', INNER, 'c'];
/** The gradient of x by each of its four uses, in the order in which TensorFlow.js adds them up. */
const GRADIENT: OpPattern = [
  'Add',
  ['Add', ['Add', ['Mul', ['Mul', 'dy', 'plus'], 0.5], INNER], ['Mul', CUBE, 'square']],
  ['Mul', ['Mul', CUBE, 'x'], ['Mul', 'x', 2]],
];
/** What the pass has computed: half · plus is gelu. */
const PASS: Readonly<Record<string, OpPattern>> = {
  half: ['Mul', 0.5, 'x'],
  plus: ['Add', 1, 'tanh'],
  tanh: ['Tanh', ['Mul', 'k', ['Add', 'x', ['Mul', 'c', ['Mul', 'x', 'square']]]]],
  square: ['Square', 'x'],
};

/**
 * Gelu in its tanh form, x / 2 · (1 + tanh(k · (x + c · x³))), is x · sigmoid(v) of v = x · (2k + 2kc · x²): with its gradient 12 passes over the
 * elements instead of 22.
 */
export const gelu: Rule = (node, draft) => {
  const found = Object.entries(PASS).reduce<Found | undefined>(
    (so, [name, pattern]) => so && match(draft, draft.nodeAt(so[name]!), pattern, so),
    match(draft, node, GRADIENT),
  );
  const [k, c] = [numberAt(draft, found?.['k']), numberAt(draft, found?.['c'])];
  if (!found || k === undefined || c === undefined || !isFloat(node)) return undefined;
  const { x, dy, square, half, plus } = found as Record<'x' | 'dy' | 'square' | 'half' | 'plus', string>;
  const shape = draft.shapeOf(x);
  if (!sameShape(draft.shapeOf(dy), shape)) return undefined;
  const of = (op: string, ...input: string[]): string => draft.add(op, input, [shape]);
  const linear = (by: number): string => of('AddV2', of('Mul', square, draft.number(by * k * c)), draft.number(2 * k));
  const sigmoid = of('Sigmoid', of('Mul', linear(2), x));
  const value = draft.find('Mul', [half, plus]) ?? draft.find('Mul', [plus, half]);
  if (value !== undefined) draft.replace(value, of('Mul', x, sigmoid));
  return of('Mul', dy, of('AddV2', sigmoid, of('Mul', of('SigmoidGrad', sigmoid, x), linear(6))));
};

function numberAt(draft: Draft, ref = ''): number | undefined {
  const values = draft.constant(ref);
  return values?.length === 1 ? values[0] : undefined;
}
