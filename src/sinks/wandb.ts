import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { asyncScheduler } from 'rxjs';

import type { Sink } from '../../operators/tee.js';
import { ArgumentError, messageOf } from '../core/errors.js';
import type { TrainingEvent } from '../core/events.js';
import { jsonOf, leavesOf, type HyperParameters } from './hyperParameters.js';
import { itemsOf, valuesOf, type Values } from './wandb/rows.js';
import { runFile, type RunFile } from './wandb/runFile.js';

export type { HyperParameters } from './hyperParameters.js';

/** Options of {@link wandb}. */
export interface WandbOptions {
  /** The run's name as W&B shows it; W&B finds one unless given. */
  readonly run?: string;
  /** What tells the run from all others of its project: letters, digits, - and _. With it a run goes on with its own file; a new one each time unless given. */
  readonly id?: string;
  /** Plain data, such as a run's whole configuration: W&B's config. */
  readonly hyperParameters?: HyperParameters;
  readonly tags?: readonly string[];
  /** Where runs wait until they are uploaded; 'wandb' unless given. */
  readonly folder?: string;
}

/** Ctrl-C's, to W&B. */
const EXIT = { complete: 0, error: 1, unsubscribed: 255 };

/**
 * Writes a run as Weights & Biases keeps one that is not online, to be uploaded with W&B's own `wandb sync`.
 *
 * Training needs no network, no account and no Python; runs come to W&B when somebody takes them there.
 *
 * ```text
 * wandb/offline-run-20261124_203000-digits3/run-digits3.wandb
 * ```
 *
 * To upload: `pip install wandb`, then `wandb login` once, and `wandb sync wandb/offline-run-…` (or `wandb sync --yes` for all; `--entity` names a team).
 *
 * W&B's step is the global step, with one row each: `training/loss`, `validation/loss`, `ema/loss` and the like, `epoch`, and histograms where they are
 * asked for. NaN and the infinities are kept. The summary has what was last, and `end`, why the run ended, or `error`, of what it failed. Exit codes are 0, 1
 * where the run fails, and 255 where it is unsubscribed. Images and texts are not written.
 *
 * The row of a step is in the file when the next step comes, and at each checkpoint, so a process that is killed leaves what it has trained but for the last
 * step. With an `id` a run goes on from there: what its first event comes after stays, and the rest it gives again; a run that starts over takes the place of
 * what was there. Files of W&B's own client are never touched.
 *
 * **Cost**: some 30 µs for a step of eight numbers, and about 6 s to go on behind 100,000 of them, once. **Memory**: a row; where a run goes on, its whole
 * file, once.
 *
 * @example
 * ```ts
 * train(model, batches, options)
 *   .pipe(validateEvery(100, held), ema('loss'), tee(wandb('digits', { run: 'first', hyperParameters: { learningRate: 3e-4 } })))
 *   .subscribe();
 * ```
 *
 * @param project - What the run belongs to.
 * @throws {@link ArgumentError} at once, for a project or an `id` that W&B would refuse, or hyper-parameters that are no plain data. Errors with what the file
 * system fails with, and if the file of that `id` was written by something else.
 */
export function wandb(project: string, options: WandbOptions = {}): Sink<TrainingEvent> {
  const { run: name, id, hyperParameters = {}, tags = [], folder = 'wandb' } = options;
  if (!/^[^/\\#?%:]{1,128}$/.test(project))
    throw new ArgumentError(`wandb: project must be a name without / \\ # ? % :, received '${project}'`);
  if (id !== undefined && !/^[\w-]{1,128}$/.test(id))
    throw new ArgumentError(`wandb: id must be letters, digits, - and _, received '${id}'`);
  leavesOf(hyperParameters, 'wandb: hyperParameters'); // throws where they are no plain data
  const config = Object.entries(hyperParameters).filter(([, value]) => value !== undefined);
  const update = itemsOf(Object.fromEntries(config.map(([key, value]) => [key, jsonOf(value)])));

  let file: RunFile | undefined;
  let reason: Values = {};
  const begin = (first: TrainingEvent): RunFile => {
    const runId = id ?? crypto.randomUUID().slice(0, 8);
    const about = { runId, project, config: { update }, tags, ...(name !== undefined && { displayName: name }) };
    reason = {};
    return runFile(join(folderOf(folder, runId), `run-${runId}.wandb`), about, first);
  };
  const end = (exitCode: number, summary: Values = reason): void => {
    const open = file;
    file = undefined;
    open?.end(exitCode, summary);
  };
  return {
    next: (event) => {
      const open = file ?? begin(event);
      file = undefined; // where writing fails, nothing more is written
      open.add(event.globalStep, valuesOf(event));
      if (event.type === 'checkpoint') open.flush(); // a run that goes on from it does not give again what came before
      if (event.type === 'end') reason = { end: JSON.stringify(event.reason) };
      file = open;
    },
    error: (error) => end(EXIT.error, { error: JSON.stringify(messageOf(error)) }),
    complete: () => end(EXIT.complete),
    unsubscribe: () => end(EXIT.unsubscribed),
  };
}

/** The folder of a run: the one that it has, or one named by the time, as W&B does. */
function folderOf(root: string, id: string): string {
  mkdirSync(root, { recursive: true });
  const known = readdirSync(root).find((name) => name.startsWith('offline-run-') && name.slice(28) === id);
  const path = join(root, known ?? `offline-run-${stampOf(new Date(asyncScheduler.now()))}-${id}`);
  mkdirSync(path, { recursive: true });
  return path;
}

/** 20261124_203000, where the program runs. */
function stampOf(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())];
  return `${day.join('')}_${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join('')}`;
}
