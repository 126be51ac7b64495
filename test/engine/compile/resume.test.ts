import { describe, it } from 'vitest';

import { expectToGoOn, granularToCut, stagesToCut } from '../../support/cutRun.js';
import { absent, INSTALLED } from '../node/installed.js';
import { onNode } from './support.js';

/** Each cut is a run of its own, and a graph to be built; beside other work, some will do. */
const EVERY = process.env['CI'] ? 1 : 7;
const WHERE = EVERY === 1 ? 'every micro-step' : `every ${EVERY}th micro-step`;

describe.skipIf(absent)(`C11 ${INSTALLED}`, () => {
  onNode();

  it.each(Object.entries(stagesToCut(true)))(
    `compiled, %s, bit for bit, cut at ${WHERE}: the shapes take turns in being first`,
    async (_, stages) => {
      await expectToGoOn(stages, EVERY);
    },
    240_000,
  );

  it.each(Object.entries({ ...stagesToCut(false), 'stage by stage': granularToCut }))(
    `op by op, %s, bit for bit, cut at ${WHERE}`,
    async (_, stages) => {
      await expectToGoOn(stages, EVERY);
    },
    240_000,
  );
});
