import type { NdArray } from './batch.js';
import { matchArrays, tensorOf } from './matchArrays.js';
import { allVariablesOf, type Model } from './model.js';
import { savedNames } from './savedNames.js';
import { tensors } from './tensors.js';

/**
 * Sets a model's variables to arrays that have been saved, found by their names; all of them or none.
 *
 * @throws {@link CheckpointError}, with the names of the variables at fault, if they are those of another model.
 */
export function assignArrays(model: Model, arrays: Readonly<Record<string, NdArray>>): void {
  const variables = allVariablesOf(model);
  const wanted = savedNames(model).map((name, i) => ({ ...form(variables[i]!), name }));
  const saved = matchArrays(wanted, arrays, 'model');
  tensors().tidy(() => variables.forEach((variable, i) => variable.assign(tensorOf(saved[i]!))));
}

function form({ shape, dtype }: { readonly shape: readonly number[]; readonly dtype: string }) {
  return { shape, dtype };
}
