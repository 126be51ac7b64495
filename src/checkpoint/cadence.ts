import { ignoreElements, interval, tap, type MonoTypeOperatorFunction } from 'rxjs';

import { alongside } from '../core/alongside.js';
import { ArgumentError, assertPositiveInteger } from '../core/errors.js';
import { checkLive, liveValue, type Live } from '../core/live.js';
import type { InRun } from '../core/run.js';

/** A span of time: '30s', '10min', '1.5h'. */
export type Duration = `${number}${'s' | 'min' | 'h'}`;

/** How often something is done: every so many steps, every so often, or at the end of each epoch. */
export type Every = Live | Duration | 'epoch';

/** A cadence while a source runs. */
export interface Cadence {
  readonly reason: 'steps' | 'time' | 'epoch';
  /** Whether it is time after this step; asked once for each. */
  readonly isDue: (globalStep: number) => boolean;
  readonly whileRunning: <T extends InRun>() => MonoTypeOperatorFunction<T>;
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1e3, min: 60e3, h: 3600e3 };
/** What timers can wait. */
const LONGEST_MS = 2 ** 31 - 1;
const LABEL = 'checkpointEvery: every';

/** Throws unless it is a cadence that there can be. */
export function checkEvery(every: Every): void {
  if (every === 'epoch') return;
  if (typeof every === 'string') millisecondsOf(every);
  else checkLive(every, LABEL, assertPositiveInteger);
}

/** Says when something is due; to be called inside `defer`, since the time and an Observable's value belong to one subscription. */
export function cadence(every: Every): Cadence {
  if (every === 'epoch') return { reason: 'epoch', isDue: () => false, whileRunning: () => (source) => source };
  if (typeof every !== 'string') {
    const { at, whileRunning } = liveValue(every, 'checkpointEvery', LABEL, assertPositiveInteger);
    return { reason: 'steps', isDue: (globalStep) => globalStep % at(globalStep) === 0, whileRunning };
  }
  let hasPassed = false;
  const clock$ = interval(millisecondsOf(every)).pipe(
    tap(() => (hasPassed = true)),
    ignoreElements(),
  );
  return {
    reason: 'time',
    isDue: () => {
      const due = hasPassed;
      hasPassed = false;
      return due;
    },
    whileRunning: () => alongside(clock$),
  };
}

function millisecondsOf(text: string): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(s|min|h)$/.exec(text) ?? [];
  const milliseconds = Number(amount) * (UNITS_MS[unit] ?? NaN);
  if (milliseconds > 0 && milliseconds <= LONGEST_MS) return milliseconds;
  throw new ArgumentError(
    `${LABEL} must be a positive integer, a time of at most 596h such as '30s', '10min' or '2h', or 'epoch', received '${text}'`,
  );
}
