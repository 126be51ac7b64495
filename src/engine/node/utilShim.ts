import { createRequire } from 'node:module';

type Util = { isNullOrUndefined?: (value: unknown) => boolean; isArray?: (value: unknown) => boolean };

/** Puts back the two functions of `node:util` that `@tensorflow/tfjs-node-gpu` 4.22 calls; Node 23 has removed one, and warns of the other. */
export function shimUtil(): void {
  const util = createRequire(import.meta.url)('node:util') as Util;
  util.isNullOrUndefined ??= (value) => value === undefined || value === null;
  util.isArray = Array.isArray;
}
