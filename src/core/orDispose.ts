import { disposeTensors } from './batch.js';

/** What `work` gives; a value on which it throws goes no further, so its tensors are disposed. */
export function orDispose<R>(value: object, work: () => R): R {
  try {
    return work();
  } catch (error) {
    disposeTensors(value);
    throw error;
  }
}
