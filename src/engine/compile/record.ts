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
  const { random } = Math;

  const refOf = ({ dataId }: tf.TensorInfo, op = 'the result'): string => {
    const ref = refs.get(dataId);
    if (ref) return ref;
    if (!dataId) throw new CompileError(`${op} takes a 64-bit number, which cannot be recorded`);
    const name = `host${hosts.length}`;
    const { dtype, shape } = backend.tensorMap.get(dataId);
    hosts.push({ name, op, dtype, shape, values: copyOf(readSync.call(backend, dataId), op) });
    refs.set(dataId, name);
    return name;
  };
  const write = (op: string, attrs: readonly OpAttr[] | null, input: string[], outputs: readonly tf.Tensor[]): void => {
    const name = `op${nodes.length}`;
    const attr = Object.fromEntries((attrs ?? []).map((each) => [each.name, attrOf(backend, op, each)]));
    nodes.push({ name, op, input, attr });
    outputs.forEach(({ dataId }, i) => refs.set(dataId, i ? `${name}:${i}` : name));
  };

  Object.assign(backend, {
    executeSingleOutput(this: Backend, ...[op, attrs, inputs, count]: Parameters<Backend['executeSingleOutput']>) {
      const input = inputs.map((tensor) => refOf(tensor, op)); // the host's numbers are at hand until the op has run
      const output = executeSingleOutput.call(backend, op, attrs, inputs, count);
      write(op, attrs, input, [output]);
      return output;
    },
    executeMultipleOutputs(this: Backend, ...[op, attrs, inputs, count]: Parameters<Backend['executeSingleOutput']>) {
      const input = inputs.map((tensor) => refOf(tensor, op));
      const outputs = executeMultipleOutputs.call(backend, op, attrs, inputs, count);
      write(op, attrs, input, outputs);
      return outputs;
    },
    readSync(dataId: object) {
      const ref = refs.get(dataId);
      const source = nodes.find(({ name }) => name === ref?.replace(/:\d+$/, ''))?.op ?? ref;
      if (source && !source.startsWith('host'))
        throw new CompileError(`the step reads the outcome of ${source} back to the host`);
      return readSync.call(backend, dataId);
    },
  });
  Object.assign(Math, {
    random: () => {
      seeds.push(random());
      return seeds.at(-1)!;
    },
  });
  try {
    return { result: step(), nodes, hosts, seeds, refOf };
  } finally {
    Object.assign(Math, { random });
    Object.assign(backend, { executeSingleOutput, executeMultipleOutputs, readSync });
  }
}

function copyOf(values: tf.backend_util.BackendValues, op: string): tf.backend_util.TypedArray {
  if (!ArrayBuffer.isView(values)) throw new CompileError(`${op} takes strings, which cannot be recorded`);
  return values.slice();
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
