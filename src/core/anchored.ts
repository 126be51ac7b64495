import type * as tf from '@tensorflow/tfjs';
import { concat, defer, EMPTY, ignoreElements, map, shareReplay, tap, type Observable } from 'rxjs';

import { matchArrays } from './matchArrays.js';
import { allVariablesOf, type Model } from './model.js';
import { nameVectors } from './namedVectors.js';
import { outerStep, type OuterOptions } from './outerStep.js';
import { fingerprint } from './replicaNote.js';
import { savedNames } from './savedNames.js';
import type { Held, Holding } from './snapshot.js';
import { readWeights } from './readWeights.js';
import { tensors } from './tensors.js';
import { unflatten, weightsOf } from './weights.js';

/** The weights that all replicas had in common when they last met, on the host, beside those of the model, which have gone on from there. */
export interface Anchored {
  /** Takes the model's weights as they are when it is subscribed to for those in common; completes when they are on the host. */
  readonly begin: () => Observable<never>;
  /** How far the model has moved: anchor − weights; whoever is given it may write to it. */
  readonly moved: () => Observable<Float32Array>;
  /** Moves the anchor by what all have moved in the mean, and the model to it. */
  readonly step: (mean: Float32Array) => void;
  /** Moves the model back to the anchor. */
  readonly back: () => void;
  /** The anchor's fingerprint. */
  readonly print: () => number;
  readonly hold: () => Required<Pick<Holding, 'tensors'>>;
  readonly restore: (held: Held) => void;
}

/** Whatever floats a model has takes part: what is trained, and then the statistics of a batch normalization. */
export function anchored(model: Model, options: OuterOptions): Anchored {
  const { variables: trained, slots: trainedSlots } = weightsOf(model);
  const [all, names] = [allVariablesOf(model), savedNames(model)];
  const rest = all.filter((variable) => variable.dtype === 'float32' && !trained.includes(variable));
  const variables = [...trained, ...rest];
  const restSlots = rest.map((variable) => {
    const { shape, size } = variable;
    return { name: names[all.indexOf(variable)]!, shape, size };
  });
  const slots = [...trainedSlots, ...restSlots];
  const size = slots.reduce((sum, each) => sum + each.size, 0);
  const trainedSize = trainedSlots.reduce((sum, each) => sum + each.size, 0);

  let anchor = new Float32Array(size);
  let velocity = new Float32Array(size);
  let begun$: Observable<unknown> = EMPTY;

  const read$ = readWeights(variables);
  const onDevice = (values: Float32Array): tf.Tensor1D => tensors().tensor1d(values.slice()); // a backend may keep what it is given
  const back = (): void =>
    tensors().tidy(() =>
      unflatten(onDevice(anchor), slots).forEach(
        (value, i) => !variables[i]!.isDisposed && variables[i]!.assign(value),
      ),
    );
  return {
    begin: () =>
      defer(() => {
        const mine$ = read$.pipe(
          tap((values) => begun$ === mine$ && (anchor = values)),
          ignoreElements(),
          shareReplay({ bufferSize: 1, refCount: false }),
        );
        begun$ = mine$;
        return mine$;
      }),
    moved: () =>
      concat(
        defer(() => begun$.pipe(ignoreElements())),
        read$.pipe(map((weights) => weights.map((weight, i) => anchor[i]! - weight))),
      ),
    step: (mean) => {
      outerStep({ anchor, velocity }, mean, trainedSize, options);
      back();
    },
    back,
    print: () => fingerprint(anchor),
    hold: () => ({ tensors: nameVectors({ anchor: onDevice(anchor), velocity: onDevice(velocity) }, slots) }),
    restore: ({ arrays = {} }) => {
      const wanted = ['anchor', 'velocity'].flatMap((vector) =>
        slots.map(({ name, shape }) => ({ name: `${vector}/${name}`, shape, dtype: 'float32' })),
      );
      const found = matchArrays(wanted, arrays, 'localSteps').map(({ data }) => data as Float32Array);
      [anchor, velocity] = [joined(found.slice(0, slots.length), size), joined(found.slice(slots.length), size)];
      begun$ = EMPTY;
    },
  };
}

function joined(parts: readonly Float32Array[], size: number): Float32Array<ArrayBuffer> {
  const vector = new Float32Array(size);
  let end = 0;
  for (const part of parts) {
    vector.set(part, end);
    end += part.length;
  }
  return vector;
}
