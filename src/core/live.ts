import { ignoreElements, isObservable, pipe, tap, type MonoTypeOperatorFunction, type Observable } from 'rxjs';

import { alongside } from './alongside.js';
import { ArgumentError } from './errors.js';
import type { Change, ChangeEvent } from './events.js';
import type { InRun } from './run.js';
import { takesPart } from './runState.js';

/** A hyper-parameter as a function of the global step it is for; the first step is 1. */
export type Schedule = (globalStep: number) => number;

/** A hyper-parameter: a number, a schedule, or an Observable whose latest value counts. */
export type Live = number | Schedule | Observable<number>;

/** The events that a value gives rise to: changes of an Observable. */
export type ChangeOf<V extends Live> = V extends Observable<number> ? ChangeEvent : never;

/** A {@link Live} value while a source runs. */
export interface LiveValue {
  /** The value for a global step. */
  readonly at: Schedule;
  /** Says that a value is applied from now on; what that changes, if it came from an Observable. */
  readonly apply: (value: number) => readonly Change[];
  /** Keeps listening to an Observable value for as long as the source it is piped to runs. */
  readonly whileRunning: <T extends InRun>() => MonoTypeOperatorFunction<T>;
}

/**
 * Reads a number, a schedule or an Observable in one way, checked by `check` whenever it is read.
 *
 * A plain number is checked at once, so that a bad argument throws when the pipeline is built. Call it inside `defer`: an Observable's latest
 * value belongs to one subscription. What was applied last is part of the run's snapshots, so that a resumed run knows a change from a start.
 *
 * @param what - Its name in {@link Change}s.
 */
export function liveValue(
  value: Live,
  what: string,
  label: string,
  check: (value: number, label: string) => void,
): LiveValue {
  if (!isObservable(value)) {
    const schedule = typeof value === 'function' ? value : () => value;
    return {
      at: (step) => checked(schedule(step), label, check),
      apply: () => [],
      whileRunning: () => (source) => source,
    };
  }
  let latest: number | undefined;
  let applied: number | undefined;
  const updates$ = value.pipe(tap((next) => (latest = next)));
  return {
    at: () => {
      if (latest === undefined)
        throw new ArgumentError(`${label}: an Observable must emit its first value at once (startWith), received none`);
      return checked(latest, label, check);
    },
    apply: (to) => {
      const from = applied;
      applied = to;
      return from === undefined || from === to ? [] : [{ what, from, to }];
    },
    whileRunning: () =>
      pipe(
        alongside(updates$.pipe(ignoreElements())),
        takesPart(
          `live/${what}`,
          () => (applied === undefined ? {} : { data: { applied } }),
          ({ data }) => (applied = (data as { applied: number } | undefined)?.applied),
        ),
      ),
  };
}

/** Throws what `check` throws if `value` is a plain number that it refuses; schedules and Observables are checked as they are read. */
export function checkLive(value: Live, label: string, check: (value: number, label: string) => void): void {
  if (typeof value === 'number') check(value, label);
  else if (typeof value !== 'function' && !isObservable(value)) {
    throw new ArgumentError(`${label} must be a number, a schedule or an Observable, received ${String(value)}`);
  }
}

/** A hyper-parameter as plain data: a number, or what else it is. */
export function describeLive(value: Live): number | 'schedule' | 'observable' {
  if (typeof value === 'number') return value;
  return isObservable(value) ? 'observable' : 'schedule';
}

function checked(value: number, label: string, check: (value: number, label: string) => void): number {
  check(value, label);
  return value;
}
