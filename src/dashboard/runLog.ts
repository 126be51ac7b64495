import { randomInt } from 'node:crypto';

import type { TrainingEvent } from '../core/events.js';
import { comesBefore } from '../sinks/comesBefore.js';
import { averages } from './averages.js';
import { columns, type Columns } from './columns.js';
import { countBelow, numbers } from './numbers.js';
import type { Note, Position, Row, Series } from './protocol.js';
import { rowsOf, type Kept } from './rowOf.js';
import { thin, type Range } from './thin.js';

/** All that has been told of a run, and what is to be seen of it. */
export interface RunLog {
  readonly position: Position;
  readonly lastStep: number;
  /** A run begins, or goes on, with this event: what does not come before it is taken back, and with it the position. */
  begin(first: Pick<TrainingEvent, 'type' | 'globalStep'>): void;
  /** `besides` are further numbers of a step. */
  add(event: TrainingEvent, besides?: Readonly<Record<string, number>>): void;
  note(note: Note): void;
  /** What has been told since; undefined if that is too long ago, or has been taken back. */
  since(position: Position): readonly Row[] | undefined;
  series(range: Range, alpha: number): Series;
}

/** How many events a reader may lag behind and still be told each. */
const RECENT = 1000;
const AVERAGE = 'average';
/** What events notes are made of; the end of a run that failed goes as any other. */
const TYPES = { checkpoint: 'checkpoint', skipped: 'step', change: 'change', end: 'end', error: 'end' } as const;

/** Packed in columns: of a million steps with four micro-batches each some 150 MB are held. */
export function runLog(): RunLog {
  const steps = columns();
  const microBatches = columns('loss');
  const validation = columns();
  const ends = numbers();
  let notes: Note[] = [];
  let recent: Row[] = [];
  let generation = randomInt(2 ** 31); // no other log's: a page may have been told by one that was here before
  let count = 0;
  const average = averages(microBatches.byName.get('loss')!, ends);
  const lastStep = (): number => (steps.steps.length > 0 ? steps.steps.at(steps.steps.length - 1) : 0);

  const begin: RunLog['begin'] = (first) => {
    const stays = comesBefore(first);
    const { globalStep } = first;
    const rowsBefore = ({ steps }: Columns, type: TrainingEvent['type']): number =>
      countBelow(steps, stays({ type, globalStep }) ? globalStep + 1 : globalStep);
    const rows = { step: rowsBefore(steps, 'step'), validation: rowsBefore(validation, 'validation') };
    const kept = notes.filter((note) => stays({ type: TYPES[note.kind], globalStep: note.globalStep }));
    if (rows.step === ends.length && rows.validation === validation.steps.length && kept.length === notes.length)
      return;
    steps.cut(rows.step);
    validation.cut(rows.validation);
    ends.cut(rows.step);
    microBatches.cut(rows.step > 0 ? ends.at(rows.step - 1) : 0);
    notes = kept;
    average.forget();
    recent = [];
    generation += 1;
  };
  const keep = (kept: Kept): void => {
    if (kept.type === 'note') notes.push(noteOf(kept));
    else if (kept.type === 'validation') validation.add(kept.globalStep, kept.values);
    else {
      steps.add(kept.globalStep, kept.values);
      const { globalStep, losses } = kept;
      losses.forEach((loss, i) => microBatches.add(globalStep - 1 + (i + 1) / losses.length, { loss }));
      ends.push(microBatches.steps.length);
    }
    recent.push(kept);
    if (recent.length >= 2 * RECENT) recent = recent.slice(-RECENT);
    count += 1;
  };
  return {
    get position() {
      return { generation, count };
    },
    get lastStep() {
      return lastStep();
    },
    begin,
    add: (event, besides) => {
      if (event.type === 'step' && event.globalStep <= lastStep()) begin(event);
      for (const kept of rowsOf(event))
        keep(kept.type === 'step' && besides ? { ...kept, values: { ...kept.values, ...besides } } : kept);
    },
    note: (note) => keep({ type: 'note', ...note }),
    since: (position) => {
      const missed = count - position.count;
      if (position.generation !== generation || missed < 0 || missed > recent.length) return undefined;
      return missed === 0 ? [] : recent.slice(-missed);
    },
    series: (range, alpha) => {
      const { column, state } = average.of(alpha);
      const whole = { ...range, every: 1 };
      return {
        position: { generation, count },
        lastStep: lastStep(),
        steps: thin({ steps: steps.steps, byName: new Map([...steps.byName, [AVERAGE, column]]) }, range),
        microBatches: thin(microBatches, whole),
        validation: thin(validation, whole),
        notes: notes.filter(({ globalStep }) => globalStep >= range.from && globalStep <= range.to).slice(-500),
        average: { ...state },
      };
    },
  };
}

function noteOf({ globalStep, kind, text }: Note): Note {
  return { globalStep, kind, text };
}
