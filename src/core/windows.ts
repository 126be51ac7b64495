import { concatWith, defer, filter, finalize, map, type OperatorFunction } from 'rxjs';

import { ArgumentError } from './errors.js';
import { EPOCH_END, RUN, withEpochEnds, type InRun, type Run } from './run.js';
import { takesPart } from './runState.js';
import { objectIn } from './heldData.js';
import type { Held, Holding, Json } from './snapshot.js';

/** What becomes of a window that an epoch leaves unfilled; see `accumulate`. */
export type Remainder = 'flush' | 'drop' | 'carry';

/** How values become a window, and a window a value. */
export interface Windowing<T, W, R> {
  readonly remainder: Remainder;
  /** What the stage was told, for snapshots. */
  readonly options: Json;
  /** The window with one value more; the first of a window is added to none. It takes the value, unless it throws. */
  readonly add: (window: W | undefined, value: T) => W;
  readonly isFull: (window: W) => boolean;
  readonly close: (window: W) => R;
  /** Frees a window that is not to be closed. */
  readonly discard: (window: W) => void;
  /** Frees a value that is not to be added. */
  readonly release: (value: T) => void;
  /** What a window holds, for snapshots. */
  readonly hold: (window: W) => Required<Holding>;
  /** The window that held it, given the value that comes next. */
  readonly restore: (held: Held, next: T) => W;
}

/** Throws unless `remainder` is one that there is. */
export function assertRemainder(remainder: Remainder, label: string): void {
  if (!['flush', 'drop', 'carry'].includes(remainder))
    throw new ArgumentError(`${label}: remainder must be 'flush', 'drop' or 'carry', received '${remainder}'`);
}

/** Gathers values into windows that end when they are full, and with epochs and the source as `remainder` says. */
export function windows<T extends InRun, W, R>(windowing: Windowing<T, W, R>): OperatorFunction<T, R> {
  const { remainder, options, add, isFull, close, discard, release, hold, restore } = windowing;
  return (source) =>
    defer(() => {
      let window: W | undefined;
      let run: Run | undefined;
      const flush = (): R[] => {
        const filled = window;
        window = undefined;
        return filled ? [close(filled)] : [];
      };
      const drop = (): never[] => {
        if (window) discard(window);
        window = undefined;
        return [];
      };
      const ended = (): string | undefined => run?.ended?.();
      const atEpochEnd = {
        flush,
        drop,
        carry: () => (ended() === 'over' ? flush() : []),
      }[remainder];
      return source.pipe(
        takesPart(
          'accumulate',
          () => {
            if (!window) return { data: { options } };
            const { data, tensors } = hold(window);
            return { data: { options, window: data }, tensors };
          },
          (held, next) => {
            const { window: saved } = objectIn(held.data, 'what accumulate has saved');
            if (saved !== undefined) window = restore({ ...held, data: saved as Json }, next);
          },
        ),
        withEpochEnds(),
        // Most values close no window, so the few that do are filtered out: an inner Observable for each takes microseconds.
        map((value) => {
          if (value === EPOCH_END) return atEpochEnd();
          run = value[RUN];
          if (run?.isRepeat?.()) return (release(value), []);
          window = add(window, value);
          return isFull(window) ? flush() : [];
        }),
        filter(({ length }) => length > 0),
        map(([closed]) => closed!),
        // A run that was stopped in mid-window goes on with that window, if it goes on.
        concatWith(defer(() => (remainder === 'drop' || ended() === 'stopped' ? drop() : flush()))),
        finalize(drop),
      );
    });
}
