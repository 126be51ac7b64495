import type * as tf from '@tensorflow/tfjs';

import { CompileError } from '../../core/errors.js';
import type { Backend, OpAttr } from './backend.js';
import { shapeOf, type Attr, type GraphNode, type Literal } from './graph.js';

/** A tensor that no op of the step has made: the step made it on the host, or holds it from before. */
export interface HostTensor extends Literal {
  /** The node that stands for it. */
  readonly name: string;
  /** The op that took it first. */
  readonly op: string;
}

/** The types that TensorFlow.js leaves TensorFlow to infer of an op's first input; in a graph they must be written. */
const INFERRED: Readonly<Record<string, string>> = { ExpandDims: 'T' };

/** What a step did. */
export interface Recording<T> {
  readonly result: T;
  /** Every op that it ran, in order. */
  readonly nodes: readonly GraphNode[];
  readonly hosts: readonly HostTensor[];
  /** Numbers that it drew, as seeds of random tensors. */
  readonly seeds: readonly number[];
  /** The node that made a tensor. */
  readonly refOf: (tensor: tf.TensorInfo) => string;
}

/**
 * Runs `step` as it is, and writes down every op that the backend executes for it.
 *
 * @param known - Nodes that stand for tensors that are there before: the batch and the variables, by their data.
 * @throws {@link CompileError} if the step reads back what it has computed.
 */
export function record<T>(backend: Backend, known: ReadonlyMap<object, string>, step: () => T): Recording<T> {
  const refs = new Map(known);
  const nodes: GraphNode[] = [];
  const hosts: HostTensor[] = [];
  const seeds: number[] = [];
  const { executeSingleOutput, executeMultipleOutputs, readSync } = backend;
  const random = Object.getOwnPropertyDescriptor(Math, 'random') as { value: () => number };
  let refused: CompileError | undefined;
  const refuse = (what: string): never => {
    throw (refused ??= new CompileError(what));
  };

  const refOf = ({ dataId }: tf.TensorInfo, op = 'the result'): string => {
    const ref = refs.get(dataId);
    if (ref) return ref;
    if (!dataId) return refuse(`${op} takes a 64-bit number, which cannot be recorded`);
    const name = `host${hosts.length}`;
    const { dtype, shape } = backend.tensorMap.get(dataId);
    const values = readSync.call(backend, dataId);
    if (!ArrayBuffer.isView(values)) return refuse(`${op} takes strings, which cannot be recorded`);
    hosts.push({ name, op, dtype, shape, values: values.slice() });
    refs.set(dataId, name);
    return name;
  };
  const shapesOf = (tensors: readonly tf.TensorInfo[]) =>
    tensors.map(({ dataId }) => backend.tensorMap.get(dataId).shape);
  const write = (
    op: string,
    attrs: readonly OpAttr[] | null,
    inputs: readonly tf.Tensor[],
    input: string[],
    outputs: readonly tf.Tensor[],
  ): void => {
    const name = `op${nodes.length}`;
    const attr = Object.fromEntries((attrs ?? []).map((each) => [each.name, attrOf(backend, op, each)]));
    if (op in INFERRED) attr[INFERRED[op]!] ??= { type: backend.tensorMap.get(inputs[0]!.dataId).dtype };
    nodes.push({ name, op, input, attr, shapes: { in: shapesOf(inputs), out: shapesOf(outputs) } });
    outputs.forEach(({ dataId }, i) => refs.set(dataId, i ? `${name}:${i}` : name));
  };

  Object.assign(backend, {
    executeSingleOutput(this: Backend, ...[op, attrs, inputs, count]: Parameters<Backend['executeSingleOutput']>) {
      const input = inputs.map((tensor) => refOf(tensor, op)); // the host's numbers are at hand until the op has run
      const output = executeSingleOutput.call(backend, op, attrs, inputs, count);
      write(op, attrs, inputs, input, [output]);
      return output;
    },
    executeMultipleOutputs(this: Backend, ...[op, attrs, inputs, count]: Parameters<Backend['executeSingleOutput']>) {
      const input = inputs.map((tensor) => refOf(tensor, op));
      const outputs = executeMultipleOutputs.call(backend, op, attrs, inputs, count);
      write(op, attrs, inputs, input, outputs);
      return outputs;
    },
    readSync(dataId: object) {
      const ref = refs.get(dataId);
      const source = nodes.find(({ name }) => name === ref?.replace(/:\d+$/, ''))?.op ?? ref;
      if (source && !source.startsWith('host')) refuse(`the step reads the outcome of ${source} back to the host`);
      return readSync.call(backend, dataId);
    },
  });
  Object.assign(Math, {
    random: () => {
      seeds.push(random.value());
      return seeds.at(-1)!;
    },
  });
  try {
    const result = step();
    if (refused) throw refused as CompileError; // it was caught in there
    return { result, nodes, hosts, seeds, refOf };
  } catch (error) {
    throw refused ?? error; // whoever called the backend may have put it into other words
  } finally {
    Object.defineProperty(Math, 'random', random);
    Object.assign(backend, { executeSingleOutput, executeMultipleOutputs, readSync });
  }
}

/** TensorFlow.js's attribute of an op as a node's. */
function attrOf({ binding }: Backend, op: string, { name, type, value }: OpAttr): Attr {
  switch (type) {
    case binding.TF_ATTR_TYPE:
      return { type: value as number };
    case binding.TF_ATTR_BOOL:
      return { b: Boolean(value) };
    case binding.TF_ATTR_INT:
      return Array.isArray(value) ? { list: { i: value as number[] } } : { i: value as number };
    case binding.TF_ATTR_FLOAT:
      return { f: value as number };
    case binding.TF_ATTR_STRING:
      return { s: new TextEncoder().encode(value as string) };
    case binding.TF_ATTR_SHAPE:
      return { shape: shapeOf(value as number[]) };
    default:
      throw new CompileError(`the attribute ${name} of ${op} is of a kind that cannot be recorded`);
  }
}
