import type { Sink } from '../../operators/tee.js';
import { assertPositiveInteger } from '../core/errors.js';
import type { StepEvent, TrainingEvent, ValidationEvent } from '../core/events.js';
import { columnsOf, liveLine } from './liveLine.js';
import { numbers } from './numbers.js';
import { stepLine } from './stepLine.js';
import { stepsIn } from './stepsIn.js';

/** Options of {@link progressBar}; without either length there is neither a bar nor a time left. */
export interface ProgressBarOptions {
  /** Optimizer steps in the whole run. */
  readonly steps?: number;
  /** Passes over the data in the whole run; how many steps they have is known once the first is over. */
  readonly epochs?: number;
  /** Where to draw; the standard output unless given. */
  readonly stream?: NodeJS.WriteStream;
}

/** A sink that shows how a run gets on. */
export interface ProgressBar extends Sink<TrainingEvent> {
  /** Prints a line for good, above the one that stays: what goes to the terminal by another way is drawn over. */
  print(this: void, line: string): void;
}

/** How often a terminal is redrawn, and how often a line is printed where there is none. */
const REDRAW_MS = 100;
const PRINT_MS = 2000;

/**
 * Shows how a run gets on: step, smoothed loss, learning rate, samples per second and time left on one line that stays, validations above it.
 *
 * Somebody waits for the run and wants to know whether to go on waiting.
 *
 * ```text
 *  step 640/1300  ▕███████████▊            ▏  49 %  loss 0.08120  lr 0.0003  4120 samples/s  0:18 left
 * ```
 *
 * The loss is what `ema('loss')` has made of it, or the step's own; samples per second are `throughput`'s, and the time left is reckoned with them. Of `steps`
 * and `epochs` the run ends with whichever comes first. On a terminal the line is redrawn up to ten times a second, no wider than the terminal, whose cursor
 * is never hidden. In a pipe or a file plain lines are printed, one every 2 s, and every validation behind its step. However the run ends, the last
 * line is the newest step's.
 *
 * @example
 * ```ts
 * train(model, batches, options).pipe(ema('loss'), throughput(), tee(progressBar({ steps: 1300 })));
 * ```
 *
 * @throws {@link ArgumentError} at once, if `steps` or `epochs` is no positive integer.
 */
export function progressBar({ steps, epochs, stream = process.stdout }: ProgressBarOptions = {}): ProgressBar {
  if (steps !== undefined) assertPositiveInteger(steps, 'progressBar: steps');
  if (epochs !== undefined) assertPositiveInteger(epochs, 'progressBar: epochs');
  const live = stream.isTTY ? liveLine(stream) : undefined;
  const everyMs = live ? REDRAW_MS : PRINT_MS;
  const print = live?.print ?? ((line: string): void => void stream.write(`${line}\n`));
  const newLengths = () => (epochs === undefined ? () => undefined : stepsIn(epochs));

  let lengthOf: (event: StepEvent) => number | undefined = newLengths();
  let length: number | undefined;
  let shownMs = -Infinity;
  let newest: StepEvent | undefined; // that has not been shown

  const show = (): void => {
    if (!newest) return;
    const known = Math.min(steps ?? Infinity, length ?? Infinity);
    const line = stepLine(newest, { steps: known === Infinity ? undefined : known, epochs }, live && columnsOf(stream));
    (live?.draw ?? print)(line);
    newest = undefined;
    shownMs = performance.now();
  };
  const over = (): void => {
    show();
    live?.done();
    [lengthOf, length, shownMs] = [newLengths(), undefined, -Infinity];
  };
  return {
    print,
    next: (event) => {
      if (event.type === 'validation') {
        if (!live) show();
        print(validationLine(event));
      }
      if (event.type !== 'step') return;
      newest = event;
      length = lengthOf(event);
      if (performance.now() - shownMs >= everyMs) show();
    },
    error: over,
    complete: over,
    unsubscribe: over,
  };
}

function validationLine({ globalStep, loss, metrics }: ValidationEvent): string {
  return `step ${globalStep}  validation  ${numbers({ loss, ...metrics })}`;
}
