import { createLogUpdate } from 'log-update';

import type { Sink } from '../../operators/tee.js';
import { assertPositiveInteger } from '../core/errors.js';
import type { StepEvent, TrainingEvent, ValidationEvent } from '../core/events.js';
import { numbers } from './numbers.js';

/** Options of {@link progressBar}. */
export interface ProgressBarOptions {
  /** Optimizer steps in the whole run; without it there is neither a bar nor a time left. */
  readonly steps?: number;
  /** Where to draw; the standard output unless given. */
  readonly stream?: NodeJS.WriteStream;
}

/** How often a terminal is redrawn, and how often a line is printed where there is none. */
const REDRAW_MS = 100;
const PRINT_MS = 2000;
const BAR = 24;

/**
 * Shows how a run gets on: step, smoothed loss, samples per second and time left on one line that stays, validations above it.
 *
 * Somebody waits for the run and wants to know whether to go on waiting.
 *
 * ```text
 *  step 640/1300 ▕███████████▋            ▏ 49 %  loss 0.0812  4 120 samples/s  0:18 left
 * ```
 *
 * The loss is the first average that `ema` has added, or the step's own; samples per second are `throughput`'s. In a pipe or a file it prints
 * plain lines, one every 2 s, and every validation.
 *
 * @example
 * ```ts
 * train(model, batches, options).pipe(ema('loss'), throughput(), tee(progressBar({ steps: 1300 })));
 * ```
 *
 * @throws {@link ArgumentError} at once, if `steps` is no positive integer.
 */
export function progressBar({ steps, stream = process.stdout }: ProgressBarOptions = {}): Sink<TrainingEvent> {
  if (steps !== undefined) assertPositiveInteger(steps, 'progressBar: steps');
  const live = stream.isTTY ? createLogUpdate(stream, { showCursor: true }) : undefined;
  let drawn = -Infinity;
  let newest = '';

  const print = (line: string): void => {
    live?.clear();
    stream.write(`${line}\n`);
    if (live && newest) live(newest);
  };
  return {
    next: (event) => {
      if (event.type === 'validation') return print(validationLine(event));
      if (event.type !== 'step') return;
      const now = performance.now();
      if (now - drawn < (live ? REDRAW_MS : PRINT_MS) && event.globalStep !== steps) return;
      drawn = now;
      newest = stepLine(event, steps, live ? bar(event.globalStep, steps) : '');
      if (live) live(newest);
      else print(newest);
    },
    error: () => live?.done(),
    complete: () => live?.done(),
  };
}

function stepLine(event: StepEvent, steps: number | undefined, drawing: string): string {
  const { globalStep, ema, loss, samples, samplesPerSecond } = event;
  const smoothed = Object.values(ema)[0] ?? loss;
  const left = steps && samplesPerSecond ? ((steps - globalStep) * samples) / samplesPerSecond : undefined;
  return [
    `step ${String(globalStep).padStart(String(steps ?? '').length)}${steps ? `/${steps}` : ''}`,
    drawing,
    `loss ${smoothed.toPrecision(4)}`,
    samplesPerSecond ? `${Math.round(samplesPerSecond)} samples/s` : '',
    left === undefined ? '' : `${clock(left)} left`,
  ]
    .filter(Boolean)
    .join('  ');
}

function validationLine({ globalStep, loss, metrics }: ValidationEvent): string {
  return `step ${globalStep}  validation  ${numbers({ loss, ...metrics })}`;
}

function bar(globalStep: number, steps: number | undefined): string {
  if (!steps) return '';
  const done = Math.min(1, globalStep / steps);
  const filled = '█'.repeat(Math.round(done * BAR)).padEnd(BAR);
  return `▕${filled}▏ ${String(Math.floor(done * 100)).padStart(3)} %`;
}

/** Minutes and seconds. */
function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
