import { afterAll, beforeAll, describe, it } from 'vitest';

import { engine } from '../../src/engine/engine.js';
import { expectToGoOn, granularToCut, stagesToCut } from '../support/cutRun.js';

describe.each(['cpu', 'wasm'] as const)(
  'C11: a run that is cut and goes on is the run that was never cut, on %s',
  (name) => {
    beforeAll(() => engine(name));
    afterAll(() => engine('cpu'));

    it.each(Object.entries({ ...stagesToCut(false), 'stage by stage': granularToCut }))(
      '%s: at every micro-step, bit for bit',
      async (_, stages) => {
        await expectToGoOn(stages);
      },
    );
  },
);
