import {
  defer,
  finalize,
  from,
  map,
  NEVER,
  pipe,
  Subject,
  switchMap,
  tap,
  type Observable,
  type ObservableInput,
  type OperatorFunction,
} from 'rxjs';

import { alongside } from './alongside.js';
import { disposeTensors } from './batch.js';
import type { EndReason } from './endReason.js';
import type { RunChange } from './runChange.js';
import type { LossFunction } from './loss.js';
import type { Metric } from './metric.js';
import type { Model } from './model.js';
import { oneByOne } from './oneByOne.js';
import type { RunState } from './snapshot.js';
import type { SpentTimes } from './spentTimes.js';

/** The key under which values carry their run; being a symbol, it is seen by neither JSON nor structured clones. */
export const RUN: unique symbol = Symbol('gradstream.run');

/** What travels with the values of one run, from the source to the last stage. */
export interface Run {
  /** Keeps the source from giving its next batch until the returned function is called. */
  readonly hold?: () => () => void;
  /** Has the source ask `gate$` before its next batch, when nothing is under way: it goes on once that completes. */
  readonly pauseUntil?: (gate$: Observable<never>) => void;
  /** Emits between two epochs and after the last, when nothing is under way. */
  readonly epochEnd$?: Observable<void>;
  /** Makes the source complete, when all is done with the batch under way, as if it had no more; the first reason counts. */
  readonly end?: (reason: EndReason) => void;
  /** Makes the source complete as `end` does, and ask again for the batch under way when the run goes on: nothing has come of it. */
  readonly giveBack?: () => void;
  /** Why the source was made to complete, if it was. */
  readonly endReason?: () => EndReason | undefined;
  /** Emits once, when nothing is under way and the source is about to complete: the last chance to ask for a snapshot. */
  readonly end$?: Observable<void>;
  /** Why the source gives no more: it is `over`, or has been `stopped` in mid-epoch; undefined while it goes on. */
  readonly ended?: () => 'over' | 'stopped' | undefined;
  /**
   * Whether the value under way is one that the run had been given before it was saved, and that ended an epoch: stages are restored by it, and nothing is
   * computed of it.
   */
  readonly isRepeat?: () => boolean;
  /** What can be saved of the run. */
  readonly state?: RunState;
  /** What `forward` was given; validation uses it. */
  readonly model?: Model;
  /** The same model with averaged weights; validation prefers it. */
  readonly averaged?: Model;
  /** What learning rates are multiplied by from the next step on; whoever lowers it says so in a change event. */
  readonly rate?: { scale: number };
  /** What `backward` has counted: passes so far. */
  readonly passes?: { count: number };
  readonly loss?: LossFunction;
  readonly metrics?: Readonly<Record<string, Metric>>;
  /** The global step of the weights as they are now. */
  readonly globalStep?: () => number;
  /** What the run's time goes to; stages say when they begin. */
  readonly times?: SpentTimes;
  /** What the run has changed by itself, up to a global step; each change once. */
  readonly changes?: (upTo: number) => readonly RunChange[];
}

/** Anything that may carry a run. */
export interface InRun {
  readonly [RUN]?: Run;
}

/**
 * Keeps the source of `value` from giving its next batch until `promise` has settled.
 *
 * The web platform's `ExtendableEvent.waitUntil`: to be called while the value is being emitted. A value without a source that waits
 * (a marble test's) is never waited for.
 */
export function waitUntil(value: object, promise: PromiseLike<unknown>): void {
  const release = hold(value);
  promise.then(release, release); // a stage reports its own error
}

/** Keeps the source of `value` waiting from now until the returned function is called. */
export function hold(value: object): () => void {
  return (value as InRun)[RUN]?.hold?.() ?? (() => undefined);
}

/**
 * A `concatMap` that makes the source wait: how every asynchronous stage is written, ours and yours.
 *
 * Without it, the source would give further batches while the stage is still at work.
 *
 * ```text
 * source:  --a--------b--|
 *              waitMap(x => --x|)
 * output:  ----a--------b|          the source is asked for b once a is through
 * ```
 *
 * The inner Observable's values go on as they are: spread the input into them (`{ ...value, … }`), so that later stages can wait, too.
 * **Ownership**: a value is the project's once it is called; values that still wait when the run ends are disposed here.
 *
 * @example
 * ```ts
 * const slowly = waitMap(async (event: StepEvent) => { await save(event); return event; });
 * ```
 *
 * @param project - Gives the work for one value, as anything that RxJS can subscribe to.
 */
export function waitMap<T extends object, R>(
  project: (value: T, index: number) => ObservableInput<R>,
): OperatorFunction<T, R> {
  return (source) =>
    defer(() => {
      const waiting = new Set<T>();
      return source.pipe(
        map((value) => {
          waiting.add(value);
          return { value, release: hold(value) };
        }),
        oneByOne(({ value, release }, index) => {
          const work$ = from(project(value, index));
          waiting.delete(value); // until now it is ours, should project throw
          return work$.pipe(finalize(release));
        }),
        finalize(() => waiting.forEach(disposeTensors)),
      );
    });
}

/** Stands for the end of an epoch in {@link withEpochEnds}. */
export const EPOCH_END: unique symbol = Symbol('gradstream.epochEnd');

/** Stands for the end of a source in {@link withEnds}, which comes after that of its last epoch. */
export const END: unique symbol = Symbol('gradstream.end');

/** The values of a source, and {@link EPOCH_END} wherever an epoch of the run ends; a source without a run has no epochs. */
export function withEpochEnds<T extends InRun>(): OperatorFunction<T, T | typeof EPOCH_END> {
  return withWord<T, typeof EPOCH_END>((run) => run.epochEnd$?.pipe(map(() => EPOCH_END)));
}

/** The same, and {@link END} before the source completes, for what is to be done while all stages still hold what they hold. */
export function withEnds<T extends InRun>(): OperatorFunction<T, T | typeof EPOCH_END | typeof END> {
  return pipe(
    withEpochEnds<T>(),
    // An epoch's end has no run, and passes.
    withWord<T | typeof EPOCH_END, typeof END>((run) => run.end$?.pipe(map(() => END))),
  );
}

/** The values of a source, and what is said in the run that they come from. */
function withWord<T extends InRun | symbol, W>(
  said: (run: Run) => Observable<W> | undefined,
): OperatorFunction<T, T | W> {
  return (source) =>
    defer(() => {
      const runs$ = new Subject<Run>();
      let newest: Run | undefined;
      return source.pipe(
        tap((value) => {
          if (typeof value !== 'object') return;
          const run = value[RUN] ?? {};
          if (newest && run.epochEnd$ === newest.epochEnd$) return;
          newest = run;
          runs$.next(run);
        }),
        alongside(runs$.pipe(switchMap((run) => said(run) ?? NEVER))),
      );
    });
}
