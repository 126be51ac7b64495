import { expect, it } from 'vitest';

import type { TrainingEvent } from '../../../src/core/events.js';
import { kindOf, valuesOf } from '../../../src/sinks/tensorBoard/values.js';
import { stepEvent, validationEvent } from '../../../src/testing/steps.js';

const at = { globalStep: 3, epoch: 1 };

it.each<TrainingEvent>([
  stepEvent(3),
  validationEvent(3),
  { ...validationEvent(3), weights: 'averaged' },
  { type: 'checkpoint', ...at, name: '3', reason: 'steps', best: false, skipped: 0 },
  { type: 'end', ...at, reason: 'completed' },
] as TrainingEvent[])('tells from tags what they were written for: $type', (event) => {
  const { run, values } = valuesOf(event)!;

  expect(values.length).toBeGreaterThan(0);
  expect(values.map(({ tag }) => kindOf(run, tag))).toStrictEqual(values.map(() => event.type));
});
