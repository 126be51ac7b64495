// How replicas may talk: at every step, once in twenty, or with half as many bytes.
import { map } from 'ix/asynciterable/operators';
import { identity, lastValueFrom, toArray } from 'rxjs';
import {
  accuracy,
  adamw,
  allReduce,
  batch,
  localSteps,
  oneCycle,
  shard,
  shuffle,
  sparseSoftmaxCrossEntropy,
  train,
  validateEvery,
  type Model,
  type TrainingEvent,
  type TrainOptions,
} from 'gradstream';
import { broadcastWeights, type Collective } from 'gradstream/replicas';

import { shifted, type mnistDigits } from './mnistDigits.js';

/** Steps from one meeting to the next. */
export const EVERY = 20;
/** The ways that are compared. */
export const WAYS = ['every step', `every ${EVERY} steps`, 'every step, in bfloat16'] as const;
export type Way = (typeof WAYS)[number];

/** What all replicas train on, and for how long. */
export interface Plan {
  readonly training: ReturnType<typeof mnistDigits>['training'];
  readonly held: ReturnType<typeof mnistDigits>['held'];
  readonly microBatch: number;
  readonly steps: number;
}

/** What a replica has seen, and how many bytes it has sent. */
export interface Trained {
  readonly events: readonly TrainingEvent[];
  readonly sent: number;
}

/** Trains one of the replicas; the first one validates. */
export async function trainReplica(collective: Collective, model: Model, way: Way, plan: Plan): Promise<Trained> {
  const { rank, worldSize } = collective;
  const { training, held, microBatch, steps } = plan;
  const { counted, sent } = counting(collective);
  await broadcastWeights(collective, model);

  const batches = (epoch: number) =>
    training.pipe(shuffle({ seed: 1, epoch }), shard(rank, worldSize), map(shifted(epoch)), batch(microBatch));
  const options: TrainOptions = {
    loss: sparseSoftmaxCrossEntropy,
    optimizer: adamw({ learningRate: oneCycle(3e-3, steps), weightDecay: 0.05 }),
    metrics: { accuracy },
    steps,
  };
  const reduce = {
    'every step': { reduce: allReduce(counted) },
    'every step, in bfloat16': { reduce: allReduce(counted, { compress: 'bfloat16' }) },
    [`every ${EVERY} steps`]: {},
  }[way]!;
  const meet = way === WAYS[1] ? localSteps(counted, model, { every: EVERY, momentum: 0.5 }) : identity;
  const validate = validateEvery<TrainingEvent>(EVERY, held.pipe(batch(256)));
  const events = await lastValueFrom(
    train(model, batches, { ...options, ...reduce }).pipe(meet, rank === 0 ? validate : identity, toArray()),
  );
  return { events, sent: sent() };
}

/** The same collective, and how many bytes this rank has sent: each reduction as a ring of all ranks makes it, each note to all others. */
function counting(collective: Collective): { counted: Collective; sent: () => number } {
  const others = collective.worldSize - 1;
  let bytes = 0;
  const counted: Collective = {
    ...collective,
    allReduceMean: (buffers, options) => {
      const numbers = buffers.reduce((sum, { length }) => sum + length, 0);
      bytes += (2 * numbers * (options?.compress ? 2 : 4) * others) / collective.worldSize;
      return collective.allReduceMean(buffers, options);
    },
    allGather: (note, options) => {
      bytes += note.length * others;
      return collective.allGather(note, options);
    },
  };
  return { counted, sent: () => bytes };
}
