import { add, addPlaceholder, shapeOf, type Graph } from './graph.js';

/** A variable that lives in the graph. */
export interface GraphVariable {
  readonly name: string;
  readonly dtype: number;
  readonly shape: readonly number[];
}

/** Adds a variable: `name` is its handle, `read/name` what it holds, `load/name` what sets it to what `given/name` is fed. */
export function addVariable(graph: Graph, variable: GraphVariable): void {
  const { name, dtype, shape } = variable;
  add(graph, name, 'VarHandleOp', [], {
    dtype: { type: dtype },
    shape: { shape: shapeOf(shape) },
    shared_name: { s: new TextEncoder().encode(name) },
    container: { s: new Uint8Array() },
  });
  addRead(graph, `read/${name}`, variable);
  addPlaceholder(graph, `given/${name}`, dtype, shape);
  addAssign(graph, `assign/${name}`, variable, `given/${name}`);
  add(graph, `load/${name}`, 'Identity', [`given/${name}`, `^assign/${name}`], { T: { type: dtype } });
}

/** Adds a node that gives what a variable holds; those named in `after` run before. */
export function addRead(graph: Graph, name: string, variable: GraphVariable, after: readonly string[] = []): string {
  return add(graph, name, 'ReadVariableOp', [variable.name, ...after], { dtype: { type: variable.dtype } });
}

/** Adds a node that sets a variable; those named in `after` run before. */
export function addAssign(
  graph: Graph,
  name: string,
  variable: GraphVariable,
  value: string,
  after: readonly string[] = [],
): string {
  return add(graph, name, 'AssignVariableOp', [variable.name, value, ...after], { dtype: { type: variable.dtype } });
}
