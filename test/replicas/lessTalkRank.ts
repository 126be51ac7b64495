import { isMainThread } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { lastValueFrom, toArray } from 'rxjs';

import { allReduce } from '../../operators/allReduce.js';
import { localSteps } from '../../operators/localSteps.js';
import { engine } from '../../src/engine/engine.js';
import { adam } from '../../src/optim/adam.js';
import { broadcastWeights } from '../../src/replicas/broadcastWeights.js';
import { mpi } from '../../src/replicas/mpi.js';
import { inThread } from '../../src/replicas/startThreads.js';
import { train } from '../../src/trainer/train.js';
import { batchOf, line, samples, squaredError } from '../support/line.js';

// Trains in local steps, then at every step with fewer bytes: as a thread, or as a process of mpirun. What all print must be the same.
const collective = isMainThread ? await mpi() : inThread().collective;
const { rank } = collective;
tf.env().set('IS_TEST', true); // silences the backend's banner
await engine('cpu');

// The second has less, so that the first makes its last rounds alone.
const sizes = rank === 0 ? [3, 2, 1, 4, 2, 2, 3, 1, 2, 5, 1] : [1, 2, 2, 1, 3, 1, 2];
const batches = sizes.map((size, i) => batchOf(samples(size, 100 * rank + 10 * i)));
const said: unknown[] = [];
for (const how of ['local', 'local float16', 'every step, bfloat16']) {
  const model = line([rank + 0.5, -0.25]); // other weights on each rank, if they were not made the same
  await broadcastWeights(collective, model);
  const options = { loss: squaredError, optimizer: adam({ learningRate: 0.05 }), metrics: { error: squaredError }, epochs: 6 }; // prettier-ignore
  const compress = how.split(/,? /).at(-1) as 'float16';
  const run$ = how.startsWith('local')
    ? train(model, batches, options).pipe(
        localSteps(collective, model, { every: 3, momentum: 0.5, ...(how !== 'local' && { compress }) }),
      )
    : train(model, batches, { ...options, reduce: allReduce(collective, { compress }) });
  const events = await lastValueFrom(run$.pipe(toArray()));
  said.push(
    events.map((event) => (event.type === 'step' ? [event.globalStep, event.loss, event.samples] : event.type)),
  );
  said.push(model.read());
  model.dispose();
}
if (tf.memory().numTensors > 0) throw new Error(`${tf.memory().numTensors} tensors are left`);
// One prints for all: what several print at once, mpirun mixes.
const all = await collective.allGather(new TextEncoder().encode(`${JSON.stringify(said)}\n`));
await collective.close();
if (collective.rank === 0) process.stdout.write(Buffer.concat(all));
