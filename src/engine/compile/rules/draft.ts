import { FLOAT, INT, type Attr, type GraphNode } from '../graph.js';
import type { Program } from '../program.js';
import type { Settled } from '../settle.js';

export type Shape = readonly number[];

/** A program that is being rewritten, node by node in its order; refs are those of what has been written. */
export interface Draft {
  /** The node whose first output this is. */
  readonly nodeAt: (ref: string) => GraphNode | undefined;
  readonly shapeOf: (ref: string) => Shape | undefined;
  /** Numbers that are the same in every run. */
  readonly constant: (ref: string) => ArrayLike<number> | undefined;
  /** The node that computes this, if one has been written. */
  readonly find: (op: string, input: readonly string[], attr?: GraphNode['attr']) => string | undefined;
  /** Writes a node, or finds the one that computes the same. `shape` is its first output's, `others` those of its further ones. */
  readonly add: (
    op: string,
    input: readonly string[],
    shape: Shape,
    attr?: GraphNode['attr'],
    others?: readonly Shape[],
  ) => string;
  /** A constant of whole numbers. */
  readonly ints: (values: readonly number[]) => string;
  /** A constant number. */
  readonly number: (value: number) => string;
  /** A tensor in another shape. */
  readonly reshape: (ref: string, shape: Shape) => string;
  /** Writes a node as it has been recorded. */
  readonly keep: (node: GraphNode) => void;
  /** Lets what has been written take another ref's output. */
  readonly replace: (ref: string, by: string) => void;
  readonly written: () => { readonly nodes: GraphNode[]; readonly hosts: readonly Settled[] };
  /** What a recorded ref is now. */
  readonly rename: (ref: string) => string;
}

/** A rule: what stands for a node's only output, if there is something better. */
export type Rule = (node: GraphNode, draft: Draft) => string | undefined;

/** What most ops over float32 numbers have for attributes. */
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
  const write = (node: GraphNode, key: string): void => {
    nodes.set(node.name, node);
    computed.set(key, node.name);
    learn(node);
  };
  const host = (dtype: number, shape: Shape, values: Float32Array | Int32Array): string => {
    const key = `host ${dtype} [${shape.join()}] ${values.join()}`;
    const known = computed.get(key);
    if (known !== undefined) return known;
    const name = `host${hosts.size}`;
    hosts.set(name, { name, op: 'a rule', dtype, shape, values });
    shapes.set(name, shape);
    computed.set(key, name);
    return name;
  };
  const draft: Draft = {
    rename,
    nodeAt: (ref) => nodes.get(ref),
    shapeOf: (ref) => shapes.get(ref),
    constant: (ref) => (hosts.get(ref)?.random ? undefined : hosts.get(ref)?.values),
    find: (op, input, attr = FLOATS) => computed.get(keyOf(op, input, attr)),
    add: (op, input, shape, attr = FLOATS, others = []) => {
      const known = computed.get(keyOf(op, input, attr));
      if (known !== undefined) return known;
      const name = `rule${nodes.size}`;
      const taken = input.map((ref) => shapes.get(ref)!);
      write({ name, op, input, attr, shapes: { in: taken, out: [shape, ...others] } }, keyOf(op, input, attr));
      return name;
    },
    ints: (values) => host(INT, [values.length], Int32Array.from(values)),
    number: (value) => host(FLOAT, [], Float32Array.of(value)),
    reshape: (ref, shape) => {
      const node = nodes.get(ref);
      const source = node?.op === 'Reshape' ? node.input[0]! : ref;
      if (sameShape(shapes.get(source), shape)) return source;
      const attr = { T: { type: FLOAT }, Tshape: { type: INT } };
      return draft.add('Reshape', [source, draft.ints(shape)], shape, attr);
    },
    keep: (node) => {
      write(node, keyOf(node.op, node.input, node.attr));
    },
    replace: (ref, by) => {
      renamed.set(ref, by);
    },
    written: () => ({
      nodes: [...nodes.values()].map((node) => ({ ...node, input: node.input.map(rename) })),
      hosts: [...hosts.values()],
    }),
  };
  program.nodes.forEach(learn);
  return draft;
}

export function sameShape(a: Shape | undefined, b: Shape | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function keyOf(op: string, input: readonly string[], attr: GraphNode['attr']): string {
  const attrs = Object.entries(attr).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([op, input, attrs]);
}

export function isFloat(attr: GraphNode['attr']): boolean {
  const type = attr['T'];
  return type !== undefined && 'type' in type && type.type === FLOAT;
}

/** What a tensor was before it was reshaped, if that has the same last axis behind others. */
export function withoutReshape(draft: Draft, ref: string, shape: Shape): string {
  const node = draft.nodeAt(ref);
  if (node?.op !== 'Reshape') return ref;
  const before = node.shapes!.in[0]!;
  return before.length > 1 && before.at(-1) === shape.at(-1) ? node.input[0]! : ref;
}

/** Whether all that these stand for has the shape of a node's output. */
export function sameShapes(draft: Draft, found: Readonly<Record<string, string>>, { shapes }: GraphNode): boolean {
  return Object.values(found).every((ref) => sameShape(draft.shapeOf(ref), shapes!.out[0]));
}
