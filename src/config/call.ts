import * as v from 'valibot';

import { made, messageFor, objectOf } from './parts.js';

/** Functions that may be called from data, by name. */
export type Callable<N extends string = string> = Readonly<Record<N, (...args: never[]) => unknown>>;

/**
 * A call as data: `{ cosine: [3e-4, 10_000] }` is `cosine(3e-4, 10_000)`. Arguments may be calls, too.
 *
 * So JSON can say whatever a function can be told, and the function itself says what is wrong with it.
 */
export type CallOf<N extends string> = { readonly [K in N]: Readonly<Record<K, readonly unknown[]>> }[N];

/** The schema of calls of some functions; it gives what they return. */
export function callOf<T>(functions: Callable): v.GenericSchema<unknown, T> {
  const entries = Object.fromEntries(
    Object.keys(functions).map((name) => [name, v.exactOptional(v.array(v.unknown(), messageFor))]),
  );
  return v.pipe(
    objectOf(entries),
    made((call) => evaluate(call as Readonly<Record<string, unknown[]>>, functions)),
  ) as v.GenericSchema<unknown, T>;
}

function evaluate(call: Readonly<Record<string, readonly unknown[]>>, functions: Callable): unknown {
  const [entry, ...more] = Object.entries(call);
  if (!entry || more.length > 0) throw new Error(`must be one call, such as { ${Object.keys(functions)[0]}: [...] }`);
  const [name, args] = entry;
  return functions[name]!(...(args.map((arg) => argument(arg, functions)) as never[]));
}

/** An argument; calls in it are done, in lists, too. */
function argument(value: unknown, functions: Callable): unknown {
  if (Array.isArray(value)) return value.map((each) => argument(each, functions));
  const isCall = isPlain(value) && Object.keys(value).some((key) => Object.hasOwn(functions, key));
  return isCall ? evaluate(value as Record<string, unknown[]>, functions) : value;
}

/** Whether it is an object that a literal or JSON has made. */
export function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
