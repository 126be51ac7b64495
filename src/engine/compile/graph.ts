import type * as tf from '@tensorflow/tfjs';

type Shape = { readonly dim: readonly { readonly size: number }[] };

/** TensorFlow's numbers for its types. */
export const FLOAT = 1;
export const INT = 3;
export const BOOL = 10;
export const TYPES: Readonly<Record<string, number>> = { float32: FLOAT, int32: INT, bool: BOOL };

/** An attribute of a node: TensorFlow's AttrValue. */
export type Attr =
  | { readonly s: Uint8Array }
  | { readonly i: number }
  | { readonly f: number }
  | { readonly b: boolean }
  | { readonly type: number }
  | { readonly shape: Shape }
  | { readonly list: { readonly i?: readonly number[]; readonly f?: readonly number[] } }
  | {
      readonly tensor: { readonly dtype: number; readonly tensorShape: Shape; readonly tensorContent: Uint8Array };
    };

/** One node of a TensorFlow graph; an input is a node's name, `name:1` for its second output, `^name` to run after it. */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly attr: Readonly<Record<string, Attr>>;
  /** The shapes of its inputs and outputs, where they have been recorded; TensorFlow finds them itself. */
  readonly shapes?: { readonly in: readonly (readonly number[])[]; readonly out: readonly (readonly number[])[] };
}

/** A graph under construction, in the order in which its nodes were added. */
export interface Graph {
  readonly nodes: GraphNode[];
}

/** Numbers with a shape and a TensorFlow type, on the host. */
export interface Literal {
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly values: tf.backend_util.TypedArray;
}

export function shapeOf(shape: readonly number[]): Shape {
  return { dim: shape.map((size) => ({ size })) };
}

/** The name of node `ref` refers to: an input may name an output of it, or say only that it comes before. */
export function nodeOf(ref: string): string {
  return ref.replace(/^\^/, '').replace(/:\d+$/, '');
}

/** Adds a node and gives back its name, to be used as an input. */
export function add(
  graph: Graph,
  name: string,
  op: string,
  input: readonly string[] = [],
  attr: Readonly<Record<string, Attr>> = {},
): string {
  graph.nodes.push({ name, op, input, attr });
  return name;
}

/** Adds a node of an op over float32 numbers; `key` is what the op calls their type. */
export function addFloat(graph: Graph, name: string, op: string, input: readonly string[], key = 'T'): string {
  return add(graph, name, op, input, { [key]: { type: FLOAT } });
}

export function addConstant(graph: Graph, name: string, { dtype, shape, values }: Literal): string {
  const { buffer, byteOffset, byteLength } = values;
  const tensorContent = new Uint8Array(buffer, byteOffset, byteLength);
  const tensor = { dtype, tensorShape: shapeOf(shape), tensorContent };
  return add(graph, name, 'Const', [], { dtype: { type: dtype }, value: { tensor } });
}

export function addScalar(graph: Graph, name: string, value: number): string {
  return addConstant(graph, name, { dtype: FLOAT, shape: [], values: Float32Array.of(value) });
}

export function addPlaceholder(graph: Graph, name: string, dtype: number, shape: readonly number[]): string {
  return add(graph, name, 'Placeholder', [], { dtype: { type: dtype }, shape: { shape: shapeOf(shape) } });
}
