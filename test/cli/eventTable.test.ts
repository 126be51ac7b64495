import { describe, expect, it } from 'vitest';

import { eventTable, tableText } from '../../src/cli/eventTable.js';
import { stepEvent } from '../../src/testing/steps.js';
import { everyKind } from '../support/everyKind.js';

describe('eventTable', () => {
  it.each(Object.entries(everyKind))('says something of an event of the kind %s, if it can be said in a few words', (type, event) => {
    const { rows } = eventTable([event]);

    expect(rows).toHaveLength(type === 'histogram' ? 0 : 1);
    if (!['validation', 'histogram'].includes(type)) expect(rows[0]).toHaveProperty('events', expect.stringMatching(/\w/));
  }); // prettier-ignore

  it('has all that happened at a step in its row, in the last column', () => {
    const { image, step, checkpoint, ...rest } = everyKind;
    const table = eventTable([image, step, checkpoint, ...Object.values(rest), stepEvent(4)]);

    expect(table.columns.at(-1)).toBe('events');
    expect(table.rows).toMatchObject([
      {
        globalStep: 3,
        loss: 0.5,
        'validation.loss': 0.25,
        events:
          "1 images 'digits'; learningRate 0.1 → 0.05; gradient not finite, skipped; checkpoint 0000000003, the best; " +
          "validated with averaged weights; learningRate 0.1 → 0.05; text 'sample'; ended by earlyStop",
      },
      { globalStep: 4 },
    ]);
    expect(tableText({ ...table, columns: ['loss', 'events'] })).toMatch(/^ {2}loss {2}events\n0\.5000 {2}1 images .*\n {5}0 {2}-$/); // prettier-ignore
  });
});
