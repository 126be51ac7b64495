import { CheckpointError } from './errors.js';

type Data = Readonly<Record<string, unknown>>;

/** What a stage has saved, as an object; it may come from anywhere. */
export function objectIn(data: unknown, what: string): Data {
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data as Data;
  throw new CheckpointError(`a checkpoint must hold ${what}, it has ${data === null ? 'null' : typeof data}`);
}

/** The whole numbers of those names, each at least 0. */
export function countsIn<K extends string>(data: unknown, names: readonly K[], stage: string): Record<K, number> {
  return numbersIn(data, names, stage, (value) => Number.isSafeInteger(value) && value >= 0, 'a whole number');
}

/** The numbers of those names, such as `isGood` says they must be. */
export function numbersIn<K extends string>(
  data: unknown,
  names: readonly K[],
  stage: string,
  isGood: (value: number) => boolean = () => true,
  kind = 'a number',
): Record<K, number> {
  const held = objectIn(data, `what ${stage} has saved`);
  const numbers = names.map((name) => {
    const value = Object.hasOwn(held, name) ? held[name] : undefined;
    if (typeof value === 'number' && isGood(value)) return [name, value] as const;
    throw new CheckpointError(
      `a checkpoint must hold ${kind} for ${name} of ${stage}, it has ${JSON.stringify(value)}`,
    );
  });
  return Object.fromEntries(numbers) as Record<K, number>;
}
