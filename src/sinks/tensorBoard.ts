import type { Sink } from '../../operators/tee.js';
import { ArgumentError } from '../core/errors.js';
import type { TrainingEvent } from '../core/events.js';
import type { HyperParameters } from './hyperParameters.js';
import { namedHyperParameters } from './tensorBoard/hyperParameters.js';
import { runFiles, type RunFiles } from './tensorBoard/runFiles.js';

export type { HyperParameters } from './hyperParameters.js';

/** Options of {@link tensorBoard}. */
export interface TensorBoardOptions {
  /** Shown in the HPARAMS tab beside what became of the run: plain data, such as a run's whole configuration. */
  readonly hyperParameters?: HyperParameters;
  /** How long an event may wait until it is written, along with others, in milliseconds; 1000 unless given. At 0 each is written at once. */
  readonly flushMs?: number;
}

/**
 * Writes a run as TensorBoard reads it: event files, one folder for training and one for validation.
 *
 * TensorBoard is where people compare runs, and it needs no TensorFlow here: the files are written on every engine.
 *
 * ```text
 * runs/first/                      hyper-parameters, and how the run ended
 * runs/first/train/                loss, metrics, learningRate, gradientNorm, samplesPerSecond, ema/…, weights/…, gradients/…, events/…
 * runs/first/validation/           loss, metrics, ema/…
 * runs/first/validation-averaged/  the same, where averaged weights were validated
 * ```
 *
 * Look at all runs with `tensorboard --logdir runs`; for a single run's own folder the HPARAMS tab knows no metrics.
 *
 * Tags are named alike in all folders, and steps are global steps, so that the chart of `loss` has training and validation on one axis. Losses of single
 * micro-batches are not written: TensorBoard's axis has whole numbers, so all of a window would stand on one step; `ema` has seen them all. What happens
 * once (checkpoints, changes, skipped steps, the end) is text at its step. TensorBoard shows 10 of a tag's texts unless it is told
 * `--samples_per_plugin text=1000`.
 *
 * A run that goes on in the folder of another writes new files. What it gives again is taken out of the older ones first (those that are ours), and a TensorBoard
 * that has read them is told to forget it, so nothing is shown twice. Records are appended, so a process that is killed leaves files that can be read, but for what waited (`flushMs`; never
 * beyond a checkpoint), and perhaps a last record that is cut off, which TensorBoard leaves out. However a run ends in a living process, all of it is written.
 *
 * **Cost**: 10 µs for a step of six numbers, spent when `flushMs` are over on all that have come, and one write, for which training waits; half a second to go on behind 100,000 such steps, once (measured).
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
    throw new ArgumentError(`tensorBoard: folder must be a path, received ${folder as unknown as string}`);
  if (!(flushMs >= 0)) throw new ArgumentError(`tensorBoard: flushMs must be at least 0, received ${flushMs}`);
  const named = namedHyperParameters(hyperParameters);
  let run: RunFiles | undefined;

  const close: RunFiles['close'] = (...how) => {
    const open = run;
    run = undefined;
    open?.close(...how);
  };
  return {
    next: (event) => {
      run ??= runFiles(folder, event, named, flushMs);
      run.write(event);
    },
    error: (error) => close('failure', error),
    complete: () => close('success'),
    unsubscribe: () => close(),
  };
}
