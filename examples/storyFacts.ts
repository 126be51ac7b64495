import type { LogPoint, WayName } from './attempts.js';

/** What can be counted and measured in a log. */
export interface LogFacts {
  readonly points: number;
  /** Training points at one place of the axis, at most. */
  readonly perStep: number;
  /** How far training goes on the axis, in terms of validation: 1 if they can be compared. */
  readonly axis: number;
  /** How far off the validation loss the training points are in the second half (root mean square), where both are on one axis. */
  readonly noise: number;
}

/** The facts about one log. A validation on data that is as new to the model as its training data says what a calm log would show. */
export function factsOf(log: readonly LogPoint[]): LogFacts {
  const training = log.filter((point) => point.of === 'training');
  const validation = new Map(log.filter((point) => point.of === 'validation').map(({ x, y }) => [x, y]));
  const counts = new Map<number, number>();
  for (const { x } of training) counts.set(x, (counts.get(x) ?? 0) + 1);
  const end = Math.max(...training.map(({ x }) => x));
  const offs = training.filter(({ x }) => x > end / 2 && validation.has(x)).map(({ x, y }) => y - validation.get(x)!);
  const axis = end / Math.max(...validation.keys());
  return {
    points: training.length,
    perStep: Math.max(...counts.values()),
    axis,
    noise: axis === 1 ? Math.sqrt(offs.reduce((sum, off) => sum + off ** 2, 0) / offs.length) : NaN,
  };
}

/** What is wrong or right with each log, in a few words. */
export function verdicts(microBatches: number): Readonly<Record<WayName, string>> {
  return {
    naive: `training takes ${microBatches} times the axis of validation`,
    'attempt 1': `the axis is right; ${microBatches} points on each step`,
    'attempt 2': `fewer steps, still ${microBatches} points on each`,
    'attempt 3': 'one point a step, and mostly noise: a sample',
    'attempt 4': 'calm; but it sees one of the devices only',
    'attempt 5': 'calmer: it sees every loss of every device',
    operators: 'the same points, without any code for it',
    'window means': 'what each event says by itself',
  };
}
