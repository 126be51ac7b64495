import { text } from 'node:stream/consumers';
import { getHeapSnapshot } from 'node:v8';

/** What is alive, in bytes: all that a program can keep, by kind, and what the engine compiles of it. */
export interface Heap {
  /** Objects, arrays, strings, buffers and so on, by constructor. */
  readonly kept: ReadonlyMap<string, number>;
  /** Machine code, byte code, what goes with them, and shapes of objects: they go on growing for as long as something is compiled anew. */
  readonly compiled: number;
}

/** V8's own snapshot; all garbage is collected first. Lists of the code that rests on an object's shape are weak and belong to the code. */
const COMPILED = ['code', 'object shape'];
const DEPENDENT_CODE = 'system / WeakArrayList';

/** Reads the whole heap: 1 to 2 s. */
export async function heap(): Promise<Heap> {
  const { snapshot, nodes, strings } = JSON.parse(await text(getHeapSnapshot())) as HeapSnapshot;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, name, size] = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field)) as [number, number, number]; // prettier-ignore
  const kept = new Map<string, number>();
  let compiled = 0;
  for (let at = 0; at < nodes.length; at += fields.length) {
    const [typeName, own, bytes] = [types[0][nodes[at + type]!]!, strings[nodes[at + name]!]!, nodes[at + size]!];
    if (COMPILED.includes(typeName) || own === DEPENDENT_CODE) {
      compiled += bytes;
      continue;
    }
    const kind = typeName.endsWith('string') || typeName === 'closure' ? typeName : `${typeName} ${own}`;
    kept.set(kind, (kept.get(kind) ?? 0) + bytes);
  }
  return { kept, compiled };
}

interface HeapSnapshot {
  readonly snapshot: {
    readonly meta: { readonly node_fields: readonly string[]; readonly node_types: readonly [readonly string[]] };
  };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}
