import type { Collective } from '../core/collective.js';
import { collective } from './collective.js';

/** A world of one: what a run is written for, so that it needs no special case without replicas. */
export function solo(): Collective {
  return collective({
    rank: 0,
    worldSize: 1,
    localRank: 0,
    gather: (bytes) => Promise.resolve([bytes.slice()]),
    exchange: (bytes) => Promise.resolve([bytes.slice()]),
    sum: () => Promise.resolve(),
    broadcast: () => Promise.resolve(),
    close: () => Promise.resolve(),
    abort: () => undefined,
  });
}
