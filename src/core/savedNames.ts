import { allVariablesOf, type Model } from './model.js';

/**
 * The names of a model's variables as they are saved, in the order of `allVariablesOf`: the same for the same model, whatever else the process has made
 * and whichever layers are frozen.
 *
 * TensorFlow.js counts layers and variables without a name through the whole process (`dense_Dense7/kernel`, `12`), and tells a second `head/kernel`
 * from the first by a suffix. Here they are counted through the model, in the order in which they were made.
 */
export function savedNames(model: Model): string[] {
  const given = givenNames(model);
  const counted = countedAnew(given.flatMap((name) => name.split('/')));
  const names = given.map((name) => name.split('/').map(counted).join('/'));
  const used = new Set<string>();
  for (const i of inOrderOfMaking(model)) {
    const name = names[i]!;
    for (let n = 1; used.has(names[i]!); n += 1) names[i] = `${name}_${n}`;
    used.add(names[i]!);
  }
  return names;
}

/** As they were before TensorFlow.js made them different from all others in the process. */
function givenNames(model: Model): string[] {
  if (!('trainableWeights' in model)) return model.variables.map(({ name }) => name);
  const weights = (model.weights ?? model.trainableWeights) as readonly { readonly originalName?: string }[];
  return allVariablesOf(model).map(({ name }, i) => weights[i]!.originalName ?? name);
}

/** Where the variables stand in the list, the oldest first. */
function inOrderOfMaking(model: Model): number[] {
  const variables = allVariablesOf(model);
  return [...variables.keys()].sort((a, b) => variables[a]!.id - variables[b]!.id);
}

/** Counts from 1 what TensorFlow.js has counted: of `dense_Dense7` and `dense_Dense9`, the first is 1 and the second 2. */
function countedAnew(parts: readonly string[]): (part: string) => string {
  const counts = new Map<string, Set<number>>();
  for (const part of parts) {
    const { kind, count } = split(part);
    if (kind !== undefined) counts.set(kind, (counts.get(kind) ?? new Set()).add(count));
  }
  return (part) => {
    const { kind, count } = split(part);
    if (kind === undefined) return part;
    const smaller = [...counts.get(kind)!].filter((other) => other < count);
    return `${kind}${smaller.length + 1}`;
  };
}

/** A part of a name without its count, and the count: `dense_Dense` and 7 of `dense_Dense7`; no kind, if TensorFlow.js has not counted it. */
function split(part: string): { kind?: string; count: number } {
  if (/^\d+$/.test(part)) return { kind: 'variable_', count: Number(part) };
  const classAt = part.lastIndexOf('_') + 1;
  const prefix = part.slice(0, classAt).replaceAll('_', '');
  for (let end = part.length - 1; end > classAt && /\d/.test(part[end]!); end -= 1) {
    const className = part.slice(classAt, end);
    if (/^[A-Z]/.test(className) && prefix.endsWith(className.toLowerCase()))
      return { kind: part.slice(0, end), count: Number(part.slice(end)) };
  }
  return { count: 0 };
}
