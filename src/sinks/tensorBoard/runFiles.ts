import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { asyncScheduler, type Subscription } from 'rxjs';

import { messageOf } from '../../core/errors.js';
import type { StepEvent, TrainingEvent } from '../../core/events.js';
import { comesBefore } from '../comesBefore.js';
import { eventFile, eventFiles, type EventFile } from './eventFile.js';
import { sessionEnd, sessionStart } from './hyperParameters.js';
import { keepRecords } from './keepRecords.js';
import type { ValueMessage } from './messages.js';
import { kindOf, text, valuesOf } from './values.js';

/** Written at once, however little time has passed. */
const MOST_PENDING = 2 ** 20;
/** The same of steps. They become records when they are written: in a loop, each takes a tenth of what it takes between two steps of training. */
const MOST_STEPS = 2 ** 12;
/** What happens once stands behind the numbers of its step, which an earlier process has written already. */
const LAST = ['validation', 'checkpoint', 'end'];

/** The files of one run. */
export interface RunFiles {
  write(this: void, event: TrainingEvent): void;
  /** Writes what waits, and how the run has ended, if it is said; nothing any more where writing has failed. */
  close(this: void, how?: 'success' | 'failure', error?: unknown): void;
}

/** Begins a run, or goes on with one, at its first event. */
export function runFiles(
  folder: string,
  first: TrainingEvent,
  hyperParameters: readonly [string, object][],
  flushMs: number,
): RunFiles {
  const files = new Map<string, EventFile>();
  let steps: { readonly event: StepEvent; readonly atMs: number }[] = [];
  let timer: Subscription | undefined;
  let failed: { readonly error: unknown; readonly told: boolean } | undefined;
  let since = 0;
  let newest = 0;
  const now = (): number => asyncScheduler.now();

  const fileOf = (run: string): EventFile => {
    const begin = first.globalStep + (LAST.includes(first.type) && !run.startsWith(first.type) ? 1 : 0);
    const known = files.get(run) ?? eventFile(join(folder, run), begin, now);
    files.set(run, known);
    return known;
  };
  const recordSteps = (): void => {
    const held = steps;
    steps = [];
    for (const { event, atMs } of held) fileOf('train').add(event.globalStep, valuesOf(event)!.values, atMs);
  };
  const flush = (told: boolean): void => {
    timer?.unsubscribe();
    timer = undefined;
    try {
      recordSteps();
      files.forEach((file) => file.flush());
    } catch (error) {
      failed = { error, told };
      if (told) throw error;
    }
  };
  const throwFailure = (): void => {
    if (!failed) return;
    failed = { ...failed, told: true };
    throw failed.error;
  };
  /** Has `take` put something to what waits; writes that, if the oldest has waited for long enough, or it is much. */
  const hold = (take: (atMs: number) => void): void => {
    throwFailure();
    const atMs = now();
    if (!timer) since = atMs;
    take(atMs);
    if (atMs - since >= flushMs || steps.length >= MOST_STEPS || pending() >= MOST_PENDING) flush(true);
    else timer ??= asyncScheduler.schedule(() => flush(false), flushMs); // a failure then is told with the next event
  };
  const pending = (): number => {
    let bytes = 0;
    files.forEach((file) => (bytes += file.pending()));
    return bytes;
  };
  const add = (run: string, step: number, values: readonly ValueMessage[]): void =>
    hold((atMs) => {
      recordSteps(); // they came before
      fileOf(run).add(step, values, atMs);
    });

  // What this run gives again goes from older files, also if nothing new comes in a folder before the next validation.
  const before = comesBefore(first);
  ['train', 'validation', 'validation-averaged'].forEach((run) => {
    const older = join(folder, run);
    eventFiles(older, true).forEach((name) =>
      keepRecords(join(older, name), (globalStep, tag) => before({ type: kindOf(run, tag), globalStep })),
    );
    if (eventFiles(older).length > 0) fileOf(run);
  });
  // TensorBoard takes the first word on how a session ended: this run's is to be the only one.
  eventFiles(folder, true).forEach((name) => rmSync(join(folder, name)));
  if (hyperParameters.length > 0) add('', 0, [sessionStart(hyperParameters, now() / 1000)]);
  return {
    write: (event) => {
      newest = event.globalStep;
      if (event.type === 'step' && !event.histograms) return hold((atMs) => steps.push({ event, atMs }));
      const { run, values } = valuesOf(event) ?? {};
      if (run && values) add(run, event.globalStep, values);
      // A run that goes on from it does not give again what came before.
      if (event.type === 'checkpoint') flush(true);
    },
    close: (how, error) => {
      if (failed?.told) return;
      throwFailure();
      if (how === 'failure') add('train', newest, [text('events/error', messageOf(error))]);
      if (how && hyperParameters.length > 0) add('', 0, [sessionEnd(how, now() / 1000)]);
      flush(true);
    },
  };
}
