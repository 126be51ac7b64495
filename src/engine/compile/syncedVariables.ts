import type * as tf from '@tensorflow/tfjs';

import { ModelError } from '../../core/errors.js';
import type { Backend } from './backend.js';
import type { Session } from './session.js';
import type { GraphVariable } from './variables.js';

/** A variable of TensorFlow.js and the graph's that stands for it. */
export interface Pair {
  readonly variable: tf.Variable;
  readonly inGraph: GraphVariable;
}

/** Variables of TensorFlow.js that follow those of a graph. */
export interface SyncedVariables {
  /** Takes over what somebody has assigned to them since. */
  takeOver(): void;
  /** To be called before the graph changes them: whoever has cloned one keeps what it was. */
  changing(): void;
  /** To be called when the graph has changed them. */
  changed(): void;
  /** Copies what the graph holds now, so that the session is not needed any more. */
  pull(): void;
}

/**
 * Lets variables of TensorFlow.js hold what the graph's hold, copied only when somebody looks.
 *
 * A step in the graph leaves no new weights outside. Every use of a tensor asks the backend for its native tensor; here that question makes the copy.
 * To be called when the graph's variables have been loaded from these.
 */
export function syncedVariables(backend: Backend, session: Session, pairs: readonly Pair[]): SyncedVariables {
  const reads = pairs.map(({ inGraph }) => `read/${inGraph.name}`);
  const known = pairs.map(() => ({}));
  let stale = false;

  /** Gives variables data of their own: copies of what the graph holds. */
  const adopt = (indices: readonly number[]): void => {
    if (indices.length === 0) return;
    const copies = session.run({}, indices.map((i) => reads[i]!)); // prettier-ignore
    indices.forEach((i, at) => {
      const copy = backend.createOutputTensor(copies[at]!);
      pairs[i]!.variable.assign(copy);
      copy.dispose();
      known[i] = pairs[i]!.variable.dataId;
    });
  };
  const heldBy = (i: number) => backend.tensorMap.get(known[i]!);
  const isOurs = (i: number): boolean => !pairs[i]!.variable.isDisposed && pairs[i]!.variable.dataId === known[i];
  const pull = (): void => {
    if (!stale) return;
    stale = false;
    session.run({}, reads).forEach(({ id }, i) => {
      if (isOurs(i)) setProperty(heldBy(i), 'id', { value: id, writable: true });
      else backend.binding.deleteTensor(id);
    });
  };
  adopt(pairs.map((_, i) => i));
  return {
    pull,
    takeOver: () =>
      pairs.forEach(({ variable, inGraph }, i) => {
        if (isOurs(i)) return;
        if (variable.isDisposed)
          throw new ModelError(
            `trainStep: the model must live as long as its run, ${variable.name} has been disposed`,
            [variable.name],
          );
        const [loaded] = session.run({ [`given/${inGraph.name}`]: variable }, [`load/${inGraph.name}`]);
        backend.binding.deleteTensor(loaded!.id);
        adopt([i]);
      }),
    changing: () => {
      const cloned = pairs.flatMap((_, i) => (isOurs(i) && backend.refCount(known[i]!) > 1 ? [i] : []));
      if (cloned.length > 0) pull();
      adopt(cloned);
    },
    changed: () => {
      if (stale) return;
      stale = true;
      pairs.forEach((_, i) => {
        if (!isOurs(i)) return;
        const held = heldBy(i);
        backend.binding.deleteTensor(held.id);
        setProperty(held, 'id', {
          get: () => {
            pull();
            return held.id;
          },
        });
      });
    },
  };
}

function setProperty(held: object, name: string, property: PropertyDescriptor): void {
  Object.defineProperty(held, name, { configurable: true, enumerable: true, ...property });
}
