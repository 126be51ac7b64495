/** Replicas that train together: one interface, within a process, between threads, and by MPI between machines. */
export {
  CollectiveError,
  type Averaged,
  type Collective,
  type CollectiveOptions,
  type Compression,
  type HalfFormat,
  type ReduceOptions,
} from '../core/collective.js';
export { broadcastWeights } from './broadcastWeights.js';
export { mpi, type MpiOptions } from './mpi.js';
export { solo } from './solo.js';
export { inThread, startThreads } from './startThreads.js';
