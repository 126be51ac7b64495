import type { Model } from './model.js';

/**
 * The names of a model's variables as they are saved, in the order of `allVariablesOf`: the same for the same model, whatever else the process has made.
 *
 * TensorFlow.js counts layers and variables without a name through the whole process (`dense_Dense7/kernel`, `12`), and tells a second `head/kernel`
 * from the first by a suffix. Here they are counted through the model.
 */
export function savedNames(model: Model): string[] {
  const number = counter();
  const used = new Set<string>();
  return givenNames(model).map((given) => {
    const name = given.split('/').map(number).join('/');
    let free = name;
    for (let n = 1; used.has(free); n += 1) free = `${name}_${n}`;
    used.add(free);
    return free;
  });
}

/** As they were before TensorFlow.js made them different from all others in the process. */
function givenNames(model: Model): string[] {
  if (!('trainableWeights' in model)) return model.variables.map(({ name }) => name);
  return (model.weights ?? model.trainableWeights).map((weight) => {
    const { originalName } = weight as { readonly originalName?: string };
    return originalName ?? (weight.read() as { readonly name?: string }).name ?? '';
  });
}

/** Counts anew what TensorFlow.js has counted: the first to come is 1. */
function counter(): (part: string) => string {
  const seen = new Map<string, Map<string, number>>();
  return (part) => {
    const kind = kindOf(part);
    if (kind === undefined) return part;
    const own = seen.get(kind) ?? new Map<string, number>();
    seen.set(kind, own);
    own.set(part, own.get(part) ?? own.size + 1);
    return `${kind}${own.get(part)}`;
  };
}

/** What a part of a name is without its count; undefined if it has none: `dense_Dense` of `dense_Dense7`, nothing of `block_7`. */
function kindOf(part: string): string | undefined {
  if (/^\d+$/.test(part)) return 'variable_';
  const split = part.lastIndexOf('_');
  const prefix = part.slice(0, Math.max(split, 0)).replaceAll('_', '');
  for (let end = part.length; end > split + 1 && /\d$/.test(part.slice(0, end));) {
    end -= 1;
    const className = part.slice(split + 1, end);
    if (/^[A-Z]/.test(className) && prefix.endsWith(className.toLowerCase())) return part.slice(0, end);
  }
  return undefined;
}
