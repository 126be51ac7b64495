import { isPlain } from './call.js';
import { isBuilt } from './optimizers.js';

/** A config as plain data, to be kept beside the run: code by its name. */
export function hyperParameters(value: unknown): unknown {
  if (typeof value === 'function') return value.name === '' ? '[code]' : `[code: ${value.name}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (isBuilt(value)) return hyperParameters({ name: value.name, learningRate: value.learningRate, ...value.options });
  if (Array.isArray(value)) return value.map(hyperParameters);
  if (!isPlain(value)) return `[code: ${value.constructor.name}]`;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, hyperParameters(each)]));
}
