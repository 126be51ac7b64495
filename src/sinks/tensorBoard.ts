import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { asyncScheduler, type Subscription } from 'rxjs';

import type { Sink } from '../../operators/tee.js';
import { ArgumentError, messageOf } from '../core/errors.js';
import type { TrainingEvent } from '../core/events.js';
import { eventFile, eventFiles, type EventFile } from './tensorBoard/eventFile.js';
import { namedHyperParameters, sessionEnd, sessionStart, type HyperParameters } from './tensorBoard/hyperParameters.js';
import { text, valuesOf } from './tensorBoard/values.js';

export type { HyperParameters } from './tensorBoard/hyperParameters.js';

/** Options of {@link tensorBoard}. */
export interface TensorBoardOptions {
  /** Shown in the HPARAMS tab beside what became of the run: plain data, such as a run's whole configuration. */
  readonly hyperParameters?: HyperParameters;
  /** How long an event may wait until it is written, along with others, in milliseconds; 1000 unless given. At 0 each is written at once. */
  readonly flushMs?: number;
}

/** Written at once, however little time has passed. */
const MOST_PENDING = 2 ** 20;

/**
 * Writes a run as TensorBoard reads it: event files, one folder for training and one for validation.
 *
 * TensorBoard is where people compare runs, and it needs no TensorFlow here: the files are written on every engine.
 *
 * ```text
 * runs/first/                     hyper-parameters, and how the run ended        tensorboard --logdir runs
 * runs/first/train/               loss, metrics, learningRate, gradientNorm, samplesPerSecond, ema/…; histograms, images, texts, events/…
 * runs/first/validation/          loss, metrics, ema/…
 * runs/first/validation-averaged/ the same, where averaged weights were validated
 * ```
 *
 * Tags are named alike in all folders, and steps are global steps, so that the chart of `loss` has training and validation on one axis. Losses of single
 * micro-batches are not written: TensorBoard's axis has whole numbers, so all of a window would stand on one step; `ema` has seen them all. What happens
 * once (checkpoints, changes, skipped steps, the end) is text at its step. TensorBoard shows 10 of a tag's texts unless it is told
 * `--samples_per_plugin text=1000`.
 *
 * A run that goes on in the folder of another writes new files, which tell TensorBoard to forget what older ones hold from the first new step on: what is done
 * again is not shown twice. Lines are appended, so a process that is killed leaves a file that can be read but for what waited (`flushMs`), and perhaps a last
 * record that TensorBoard leaves out. What waits when a run is unsubscribed is written by a timer, which keeps the process alive until then.
 *
 * **Cost**: some 10 µs an event, and a write each `flushMs`, for which training waits.
 *
 * @example
 * ```ts
 * train(model, batches, options)
 *   .pipe(validateEvery(100, held), ema('loss'), tee(tensorBoard('runs/first', { hyperParameters: { learningRate: 3e-4 } })))
 *   .subscribe();
 * ```
 *
 * @param folder - Of the run; made if it is not there.
 * @throws {@link ArgumentError} at once, for what can never be valid; errors with it for images that are none, or of several sizes. Errors with what the file
 * system fails with.
 */
export function tensorBoard(
  folder: string,
  { hyperParameters = {}, flushMs = 1000 }: TensorBoardOptions = {},
): Sink<TrainingEvent> {
  if (typeof folder !== 'string' || folder === '')
    throw new ArgumentError(`tensorBoard: folder must be a path, received ${String(folder)}`);
  if (!(flushMs >= 0)) throw new ArgumentError(`tensorBoard: flushMs must be at least 0, received ${flushMs}`);
  const named = namedHyperParameters(hyperParameters);
  let run: RunFiles | undefined;

  const end = (how: 'success' | 'failure', error?: unknown): void => {
    const ended = run;
    run = undefined;
    ended?.end(how, error);
  };
  return {
    next: (event) => {
      if (run && event.type === 'step' && event.globalStep <= run.newest()) run = (run.flush(), undefined); // another run
      run ??= openRun(folder, event, named, flushMs);
      run.write(event);
    },
    error: (error) => end('failure', error),
    complete: () => end('success'),
  };
}
