import { FLOAT, INT, type Attr, type GraphNode } from '../graph.js';
import type { Program } from '../program.js';
import type { Settled } from '../settle.js';

export type Shape = readonly number[];
type Attrs = GraphNode['attr'];

/** A program that is being rewritten, node by node in its order. Refs are those of what has been written so far. */
export interface Draft {
  /** The node whose first output this is. */
  readonly nodeAt: (ref: string) => GraphNode | undefined;
  readonly shapeOf: (ref: string) => Shape;
  /** Numbers that are the same in every run. */
  readonly constant: (ref: string) => Settled['values'] | undefined;
  /** The node that computes this, if one has been written. */
  readonly find: (op: string, input: readonly string[], attr?: Attrs) => string | undefined;
  /** The nodes of some op that take this for their input number `at`, of what has been written. */
  readonly users: (op: string, ref: string, at: number) => GraphNode[];
  /** Writes a node that depends on its inputs only, or finds the one that computes the same. `shapes` are those of its outputs. */
  readonly add: (op: string, input: readonly string[], shapes: readonly Shape[], attr?: Attrs) => string;
  /** A constant number. */
  readonly number: (value: number) => string;
  /** Whole numbers: axes, sizes. */
  readonly integers: (values: readonly number[], shape?: Shape) => string;
  /** A tensor in another shape. */
  readonly reshape: (ref: string, shape: Shape) => string;
  /** Writes a node as it has been recorded. */
  readonly keep: (node: GraphNode) => void;
  /** Puts one ref in the place of another, in what has been written, too. */
  readonly replace: (ref: string, by: string) => void;
  /** What is in the place of a recorded ref. */
  readonly rename: (ref: string) => string;
  readonly written: () => { readonly nodes: GraphNode[]; readonly hosts: Settled[] };
}

/** What is to be in the place of a node's only output, if there is something better; it must be equal to it but for rounding. */
export type Rule = (node: GraphNode, draft: Draft) => string | undefined;

/** The attributes of most ops over float32 numbers. */
export const FLOATS: Readonly<Record<string, Attr>> = { T: { type: FLOAT } };

export function draftOf(program: Program): Draft {
  const nodes = new Map<string, GraphNode>();
  const hosts = new Map(program.hosts.map((host) => [host.name, host]));
  const shapes = new Map<string, Shape>();
  const renamed = new Map<string, string>();
  const computed = new Map<string, string>();

  const rename = (ref: string): string => {
    const by = renamed.get(ref);
    return by === undefined ? ref : rename(by);
  };
  const learn = ({ name, input, shapes: known }: GraphNode): void => {
    input.forEach((ref, i) => shapes.set(ref, known!.in[i]!));
    known!.out.forEach((shape, i) => shapes.set(i ? `${name}:${i}` : name, shape));
  };
  const keep = (node: GraphNode): void => {
    nodes.set(node.name, node);
    computed.set(keyOf(node.op, node.input, node.attr), node.name);
    learn(node);
  };
  const host = (dtype: number, shape: Shape, values: Float32Array | Int32Array): string => {
    const key = keyOf('host', [String(dtype), shape.join(), values.join()], {});
    const name = computed.get(key) ?? `host${hosts.size}`;
    hosts.set(name, { name, op: 'a rule', dtype, shape, values });
    shapes.set(name, shape);
    computed.set(key, name);
    return name;
  };
  const add: Draft['add'] = (op, input, out, attr = FLOATS) => {
    const known = computed.get(keyOf(op, input, attr));
    if (known !== undefined) return known;
    const name = `rule${nodes.size}`;
    keep({ name, op, input, attr, shapes: { in: input.map((ref) => shapes.get(ref)!), out } });
    return name;
  };
  const integers: Draft['integers'] = (values, shape = [values.length]) => host(INT, shape, Int32Array.from(values));
  program.nodes.forEach(learn);
  return {
    nodeAt: (ref) => nodes.get(ref),
    shapeOf: (ref) => shapes.get(ref)!,
    constant: (ref) => (hosts.get(ref)?.random ? undefined : hosts.get(ref)?.values),
    find: (op, input, attr = FLOATS) => computed.get(keyOf(op, input, attr)),
    users: (op, ref, at) => [...nodes.values()].filter((node) => node.op === op && node.input[at] === ref),
    add,
    number: (value) => host(FLOAT, [], Float32Array.of(value)),
    integers,
    reshape: (ref, shape) => {
      const node = nodes.get(ref);
      const source = node?.op === 'Reshape' ? node.input[0]! : ref;
      if (sameShape(shapes.get(source)!, shape)) return source;
      return add('Reshape', [source, integers(shape)], [shape], { ...FLOATS, Tshape: { type: INT } });
    },
    keep,
    replace: (ref, by) => void renamed.set(ref, by),
    rename,
    written: () => ({
      nodes: [...nodes.values()].map((node) => ({ ...node, input: node.input.map(rename) })),
      hosts: [...hosts.values()],
    }),
  };
}

function keyOf(op: string, input: readonly string[], attr: Attrs): string {
  return JSON.stringify([op, input, Object.entries(attr).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

export function isFloat({ attr }: GraphNode): boolean {
  const type = attr['T'];
  return type !== undefined && 'type' in type && type.type === FLOAT;
}
