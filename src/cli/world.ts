import { setInterval as everyMs, setTimeout as sleep } from 'node:timers/promises';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

import { defer, filter, finalize, from, fromEvent, map, merge, take, type Observable } from 'rxjs';

import { fromSignals } from '../checkpoint/fromSignals.js';
import { CollectiveError, type Collective } from '../core/collective.js';
import { launcher } from '../replicas/mpi/launcher.js';
import { mpi } from '../replicas/mpi.js';
import { solo } from '../replicas/solo.js';
import { inThread } from '../replicas/startThreads.js';
import { describeError } from './describeError.js';
import { exitCodeOf } from './exitCodes.js';
import { say } from './output.js';

/** By which `gradstream launch` tells a rank that it has started it, and with how many. */
export const LAUNCHED = 'GRADSTREAM_WORLD_SIZE';

/** By which it tells ranks which process it is, since not every `mpirun` lets them know that it is gone. */
export const LAUNCHER = 'GRADSTREAM_LAUNCHER';

/** Whether `gradstream launch` has started it, and so says how it ended. */
export function isLaunched(): boolean {
  return process.env[LAUNCHED] !== undefined;
}

/** Where threads hear what `gradstream launch` passes on. */
export const CHANNEL = 'gradstream launch';

type Signal = 'SIGINT' | 'SIGTERM';

/** How often they look whether it is there. */
const LOOK_MS = 500;

/** How long ranks that hear of another's failure leave it to that one to end them. */
const LAST_WORDS_MS = 5000;

/** Works as one of the ranks that were started together, or alone; an error ends this rank at once, so that the others do not wait. */
export async function inWorld(work: (collective: Collective) => Promise<void>): Promise<void> {
  const collective = await joinWorld();
  const { rank, worldSize } = collective;
  if (worldSize === 1) return work(collective);
  try {
    await work(collective);
    await collective.close();
  } catch (error) {
    // The one that has failed says why, saves what it can, and ends all.
    if (error instanceof CollectiveError && error.reason === 'died') await sleep(LAST_WORDS_MS);
    say(`gradstream: rank ${rank} of ${worldSize}: ${describeError(error)}`);
    process.exit(exitCodeOf(error));
  }
}

async function joinWorld(): Promise<Collective> {
  if (!isMainThread && isLaunched()) return inThread().collective;
  const launched = process.env[LAUNCHED];
  const size = Number(launched ?? launcher(process.env)?.size ?? 1);
  if (size === 1) return solo();
  return mpi(launched === undefined ? {} : { worldSize: size });
}

/** How many replicas there are, and the processes that they are, by rank: for whoever looks at one, or reads which one the launcher says has died. */
export async function processesOf(collective: Collective): Promise<string> {
  const all = await collective.allGather(new TextEncoder().encode(String(process.pid)));
  const pids = new Set(all.map((bytes) => new TextDecoder().decode(bytes)));
  return `${collective.worldSize} replicas (${pids.size > 1 ? 'processes' : 'process'} ${[...pids].join(' ')})`;
}

/**
 * Signals that a run is to end by, and what becomes of the exit code is the caller's. Under `gradstream launch` they come from it, and it ends ranks that
 * do not listen; if it is gone, the run is to end, too.
 */
export function askedToEnd({ rank }: Collective): Observable<Signal> {
  if (!isLaunched()) return fromSignals() as Observable<Signal>;
  const own = (['SIGINT', 'SIGTERM'] as const).map((name) => fromEvent(process, name).pipe(map(() => name)));
  return rank === 0 ? merge(...own, passedOn()) : merge(...own);
}

/** What `gradstream launch` says to this process; in a thread, what its process has heard. */
export function passedOn(): Observable<Signal> {
  return defer(() => {
    if (!isMainThread) {
      const channel = new BroadcastChannel(CHANNEL);
      channel.unref();
      const said$ = fromEvent(channel, 'message') as Observable<MessageEvent<Signal>>;
      return said$.pipe(
        map(({ data }) => data),
        finalize(() => channel.close()),
      );
    }
    const { stdin } = process;
    stdin.unref(); // listening is no reason to go on
    const said$ = fromEvent(stdin, 'data').pipe(map((text) => String(text).trim() as Signal));
    return merge(said$, launcherGone().pipe(map((): Signal => 'SIGTERM')));
  });
}

/** Emits once `gradstream launch` is there no more; looking for it is no reason to go on. */
function launcherGone(): Observable<unknown> {
  const pid = Number(process.env[LAUNCHER]);
  return from(everyMs(LOOK_MS, undefined, { ref: false })).pipe(
    filter(() => !isThere(pid)),
    take(1),
  );
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
