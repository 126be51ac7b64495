import { describe, it } from 'vitest';

import { expectToGoOn, stagesToCut } from '../../support/cutRun.js';
import { absent, INSTALLED } from '../node/installed.js';
import { onNode } from './support.js';

describe.skipIf(absent)(`C11 for compiled steps ${INSTALLED}`, () => {
  onNode();

  it.each(Object.entries(stagesToCut(true)))(
    '%s, bit for bit, cut at every fifth micro-step: the shapes take turns in being first',
    async (_, stages) => {
      await expectToGoOn(stages, 5);
    },
    60_000,
  );
});
