import { disposeTensors } from './batch.js';
import type { Pulled, Puller } from './puller.js';
import { STOPPED, type Stopping } from './stopping.js';

/** Values of a source that are asked for before they are due. */
export interface PullAhead<T> {
  /** The next value; {@link STOPPED}, if it is not there and the source is to stop. */
  readonly next: () => Promise<Pulled<T> | undefined | typeof STOPPED>;
  /** Asks for as many as may be under way. */
  readonly fill: () => void;
  /** Frees what has been asked for and is not wanted any more, now or when it comes. */
  readonly drop: () => void;
}

export function pullAhead<T>(
  pull: Puller<T>,
  { isAsked, orStopped }: Pick<Stopping, 'isAsked' | 'orStopped'>,
  prefetch: number,
): PullAhead<T> {
  const ahead: Promise<Pulled<T> | undefined>[] = [];
  return {
    next: async () => {
      const next = ahead.shift() ?? (isAsked() ? undefined : pull.next());
      if (!next) return STOPPED;
      const pulled = await orStopped(next);
      if (pulled === STOPPED) ahead.unshift(next); // should it still come, it is dropped
      return pulled;
    },
    fill: () => {
      while (ahead.length < prefetch) ahead.push(pull.next());
    },
    drop: () => {
      // One that fails now has nobody left to be told.
      for (const pulled of ahead) pulled.then((result) => disposeTensors(result?.value)).catch(() => undefined);
    },
  };
}
