import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { describe, expect, it } from 'vitest';

import { fromSignals } from '../../src/checkpoint/fromSignals.js';
import { ArgumentError } from '../../src/core/errors.js';
import { bundled } from '../support/bundled.js';

const program = await bundled(new URL('signalled.ts', import.meta.url));

describe('fromSignals', () => {
  it('leaves a second signal its usual effect from the moment that the first is told of', async () => {
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    for (const said of ['ready', 'SIGINT']) {
      const [text] = (await once(child.stdout, 'data')) as [Buffer];
      expect(text.toString()).toBe(said);
      child.kill('SIGINT');
    }

    expect(await ended).toStrictEqual([null, 'SIGINT']);
  });

  it('refuses to listen to none', () => {
    expect(() => fromSignals([])).toThrow(ArgumentError);
  });
});
