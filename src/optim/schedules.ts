import { ArgumentError, assertPositive, assertPositiveInteger } from '../core/errors.js';
import type { Schedule } from '../core/live.js';

/*
 * Schedules: a hyper-parameter as a function of the global step that is about to be taken, of which the first is 1.
 *
 * All but oneCycle are half open, as PyTorch's and Optax' are: over n steps they go from their first value, at step 1, towards their last, which
 * they would have at step n + 1 and keep from there on. So no step is spent at a learning rate of 0, and one schedule after another has no
 * value twice. They are pure functions of the step: a resumed run needs no state for them.
 */

/**
 * The same value at every step.
 *
 * For a place that wants a schedule, such as a part of {@link sequence}; where a {@link Live} value is taken, a plain number does.
 *
 * @example
 * ```ts
 * const schedule = sequence([constant(1e-3), 1000], constant(1e-4));
 * ```
 *
 * @param value - Any finite number.
 * @throws {@link ArgumentError} at once, if it is not finite.
 */
export function constant(value: number): Schedule {
  assertFinite(value, 'constant: value');
  return () => value;
}

/**
 * A straight line from one value to another.
 *
 * Formula: `from · (1 − p) + to · p` with `p = min(1, (step − 1) / steps)`. Step 1 has `from`, step `steps` is one short of `to`, all after it have `to`.
 *
 * @example
 * ```ts
 * const schedule = linear(1e-3, 0, 10_000);
 * ```
 *
 * @param from - The value at step 1.
 * @param to - The value from step `steps + 1` on.
 * @param steps - Global steps; a positive integer.
 * @throws {@link ArgumentError} at once, if an argument is out of its range.
 * @see PyTorch's `LinearLR`.
 */
export function linear(from: number, to: number, steps: number): Schedule {
  assertFinite(from, 'linear: from');
  assertFinite(to, 'linear: to');
  assertPositiveInteger(steps, 'linear: steps');
  return (globalStep) => blend(from, to, progress(globalStep, steps));
}

/**
 * Half a wave of cosine from a peak down to an end.
 *
 * Slow at first, fast in the middle, slow at the end: the usual decay, with nothing to tune but how long the run is.
 *
 * Formula: `peak · h + end · (1 − h)` with `h = (1 + cos(π · min(1, (step − 1) / steps))) / 2`. Step 1 has `peak`; the last of `steps` is still above `end`;
 * all after it have `end`.
 *
 * @example
 * ```ts
 * const schedule = cosine(3e-4, 10_000, { end: 3e-5 });
 * ```
 *
 * @param peak - The value at step 1.
 * @param steps - Global steps; a positive integer.
 * @param options - `end`: the value from step `steps + 1` on; 0 unless given.
 * @throws {@link ArgumentError} at once, if an argument is out of its range.
 * @see {@link warmup} to come up to the peak first.
 * @see Loshchilov and Hutter 2017, arXiv:1608.03983, without restarts; PyTorch's `CosineAnnealingLR`.
 */
export function cosine(peak: number, steps: number, { end = 0 }: { readonly end?: number } = {}): Schedule {
  assertFinite(peak, 'cosine: peak');
  assertPositiveInteger(steps, 'cosine: steps');
  assertFinite(end, 'cosine: end');
  return (globalStep) => wave(peak, end, progress(globalStep, steps));
}

/**
 * A straight line from near 0 up to where another schedule begins, then that one.
 *
 * The first steps go by gradients of which the optimizer knows little yet; short steps keep them from doing harm.
 *
 * Formula: `then(1) · step / (steps + 1)` up to step `steps`, `then(step − steps)` after it. Step 1 is above 0; step `steps + 1` is the first of
 * `then`, which counts from 1 again.
 *
 * @example
 * ```ts
 * const schedule = warmup(500, cosine(3e-4, 9_500));
 * ```
 *
 * @param steps - Global steps; a positive integer.
 * @param then - What follows: a schedule, or a number for one that stays.
 * @throws {@link ArgumentError} at once, if an argument is out of its range.
 * @see Goyal et al. 2017, arXiv:1706.02677, section 2.2; PyTorch's `LinearLR` with a `start_factor` of `1 / (steps + 1)`.
 */
export function warmup(steps: number, then: Schedule | number): Schedule {
  assertPositiveInteger(steps, 'warmup: steps');
  const next = typeof then === 'number' ? constant(then) : then;
  assertSchedule(next, 'warmup: then');
  return (globalStep) => (globalStep <= steps ? (next(1) * globalStep) / (steps + 1) : next(globalStep - steps));
}

/**
 * Up to a peak and down to almost nothing, both along a cosine.
 *
 * For short runs at a high learning rate. Unlike the others it is closed, as PyTorch's: the last of `steps` has `end`.
 *
 * Formula: with `top = peakAt · steps`, a half wave from `start` at step 1 to `peak` at step `top`, then one from there to `end` at step `steps`.
 * All after it have `end`. Where `top` is no whole number, no step has quite the peak; where it is below 1, step 1 has it.
 *
 * @example
 * ```ts
 * const schedule = oneCycle(0.1, 5_000, { peakAt: 0.25 });
 * ```
 *
 * @param peak - The highest value.
 * @param steps - Global steps; an integer of at least 2.
 * @param options - `peakAt`: the share of the steps at which the peak is, above 0, below 1, 0.3 unless given; `start`: the value at step 1,
 * `peak / 25` unless given; `end`: the value at step `steps`, `start / 10_000` unless given.
 * @throws {@link ArgumentError} at once, if an argument is out of its range.
 * @see Smith and Topin 2017, arXiv:1708.07120; PyTorch's `OneCycleLR`, whose defaults these are.
 */
export function oneCycle(
  peak: number,
  steps: number,
  {
    peakAt = 0.3,
    start = peak / 25,
    end = start / 1e4,
  }: { readonly peakAt?: number; readonly start?: number; readonly end?: number } = {},
): Schedule {
  assertFinite(peak, 'oneCycle: peak');
  assertPositiveInteger(steps, 'oneCycle: steps');
  if (steps < 2) throw new ArgumentError(`oneCycle: steps must be at least 2, received ${steps}`);
  if (!(peakAt > 0 && peakAt < 1))
    throw new ArgumentError(`oneCycle: peakAt must be above 0 and below 1, received ${peakAt}`);
  assertFinite(start, 'oneCycle: start');
  assertFinite(end, 'oneCycle: end');
  const top = Math.max(1, peakAt * steps);
  return (globalStep) => {
    if (globalStep < top) return wave(start, peak, (globalStep - 1) / (top - 1));
    return wave(peak, end, Math.min(1, (globalStep - top) / (steps - top)));
  };
}

/**
 * A value that is multiplied by a factor every so many steps, and stays in between.
 *
 * Formula: `initial · factor ^ floor((step − 1) / every)`. Steps 1 to `every` have `initial`.
 *
 * @example
 * ```ts
 * const schedule = step(0.1, { every: 30_000, factor: 0.1 });
 * ```
 *
 * @param initial - The value at step 1.
 * @param options - `every`: global steps, a positive integer; `factor`: a positive number.
 * @throws {@link ArgumentError} at once, if an argument is out of its range.
 * @see PyTorch's `StepLR`.
 */
export function step(
  initial: number,
  { every, factor }: { readonly every: number; readonly factor: number },
): Schedule {
  assertFinite(initial, 'step: initial');
  assertPositiveInteger(every, 'step: every');
  assertPositive(factor, 'step: factor');
  return (globalStep) => initial * factor ** Math.floor((globalStep - 1) / every);
}

/**
 * A value that shrinks (or grows) by the same factor over every so many steps, a little at each.
 *
 * Formula: `initial · factor ^ ((step − 1) / every)`. Step 1 has `initial`; it has no end.
 *
 * @example
 * ```ts
 * const schedule = exponential(1e-3, { every: 1000, factor: 0.5 }); // halved every 1000 steps
 * ```
 *
 * @param initial - The value at step 1.
 * @param options - `every`: global steps, a positive integer, 1 unless given; `factor`: a positive number.
 * @throws {@link ArgumentError} at once, if an argument is out of its range.
 * @see PyTorch's `ExponentialLR`, which is the case of `every` 1.
 */
export function exponential(
  initial: number,
  { every = 1, factor }: { readonly every?: number; readonly factor: number },
): Schedule {
  assertFinite(initial, 'exponential: initial');
  assertPositiveInteger(every, 'exponential: every');
  assertPositive(factor, 'exponential: factor');
  return (globalStep) => initial * factor ** ((globalStep - 1) / every);
}

/**
 * One schedule after another.
 *
 * Each part counts its steps from 1 again, so what works alone works here. The last part has no end.
 *
 * @example
 * ```ts
 * const schedule = sequence([linear(0.01, 0.1, 500), 500], [constant(0.1), 2000], cosine(0.1, 7500));
 * ```
 *
 * @param parts - Pairs of a schedule and for how many global steps it holds (a positive integer); at the end a schedule alone.
 * @throws {@link ArgumentError} at once, if a part is none.
 * @see PyTorch's `SequentialLR`.
 */
export function sequence(...parts: [...(readonly [schedule: Schedule, steps: number])[], last: Schedule]): Schedule {
  const last = parts.at(-1) as Schedule;
  const timed = parts.slice(0, -1) as (readonly [Schedule, number])[];
  timed.forEach((part, i) => {
    if (!Array.isArray(part))
      throw new ArgumentError(`sequence: part ${i + 1} must be [schedule, steps], received ${String(part)}`);
    assertSchedule(part[0], `sequence: the schedule of part ${i + 1}`);
    assertPositiveInteger(part[1], `sequence: the steps of part ${i + 1}`);
  });
  assertSchedule(last, 'sequence: the last part');
  return (globalStep) => {
    let rest = globalStep;
    for (const [schedule, steps] of timed) {
      if (rest <= steps) return schedule(rest);
      rest -= steps;
    }
    return last(rest);
  };
}

/** How much of `steps` lies before `globalStep`: 0 at the first, 1 from the one after the last on. */
function progress(globalStep: number, steps: number): number {
  return Math.min(1, (globalStep - 1) / steps);
}

/** Half a wave of cosine from `from`, where `share` is 0, to `to`, where it is 1. */
function wave(from: number, to: number, share: number): number {
  return blend(from, to, (1 - Math.cos(Math.PI * share)) / 2);
}

/** Written as two products, it gives `from` and `to` exactly at the ends. */
function blend(from: number, to: number, share: number): number {
  return from * (1 - share) + to * share;
}

function assertFinite(value: number, label: string): void {
  if (!Number.isFinite(value)) throw new ArgumentError(`${label} must be a finite number, received ${String(value)}`);
}

function assertSchedule(value: Schedule, label: string): void {
  if (typeof value !== 'function') throw new ArgumentError(`${label} must be a schedule, received ${String(value)}`);
}
