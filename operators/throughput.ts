import { map, scan, timestamp, type MonoTypeOperatorFunction } from 'rxjs';

import { assertPositiveInteger } from '../src/core/errors.js';
import type { TrainingEvent } from '../src/core/events.js';

/**
 * Adds `samplesPerSecond`, measured over the last `steps` steps, to each step event.
 *
 * It is the figure to watch when a batch size or an engine is chosen, and what a time left is reckoned from.
 *
 * ```text
 * source:  --1--2--3--|        10 samples each, 3 ms apart
 *             throughput()
 * output:  --1--2--3--|        2.samplesPerSecond = 10 / 0.003 s
 * ```
 *
 * The first step has no time before it and gets none. Time is RxJS's `timestamp()`, so virtual in a marble test. Other events pass through.
 *
 * **Units**: samples of all replicas per second.
 *
 * @example
 * ```ts
 * events$.pipe(throughput(), logEvery(50)).subscribe(({ samplesPerSecond }) => console.log(samplesPerSecond));
 * ```
 *
 * @param steps - How many steps to look back; a positive integer.
 * @throws {@link ArgumentError} at once, if `steps` is no positive integer.
 */
export function throughput<E extends TrainingEvent>(steps = 20): MonoTypeOperatorFunction<E> {
  assertPositiveInteger(steps, 'throughput: steps');

  return (source) =>
    source.pipe(
      timestamp(),
      scan(
        ({ marks }: State<E>, { value: event, timestamp: time }): State<E> => {
          if (event.type !== 'step') return { marks, event };
          const samples = (marks.at(-1)?.samples ?? 0) + event.samples;
          const recent = [...marks, { time, samples }].slice(-steps - 1);
          const first = recent[0]!;
          if (time === first.time) return { marks: recent, event };
          return {
            marks: recent,
            event: { ...event, samplesPerSecond: ((samples - first.samples) / (time - first.time)) * 1e3 },
          };
        },
        { marks: [], event: undefined },
      ),
      map(({ event }) => event as E),
    );
}

interface State<E> {
  /** When each of the last steps came, and how many samples had been seen by then. */
  readonly marks: readonly { readonly time: number; readonly samples: number }[];
  readonly event: E | undefined;
}
