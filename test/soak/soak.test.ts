import { execFile } from 'node:child_process';

import { it } from 'vitest';

import { bundled } from '../support/bundled.js';
import { onlyInCi } from '../support/inCi.js';

const program = await bundled(new URL('run.ts', import.meta.url));

/** A process of its own: a test runner keeps things, too. */
const soaked = (...words: string[]): Promise<{ code: unknown; stdout: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [program, ...words], (error, stdout) => resolve({ code: error?.code ?? 0, stdout }));
  });

// The short form of `npm run soak`.
it.skipIf(onlyInCi).concurrent(
  `hundreds of steps with checkpoints, validations, averages and sinks keep nothing${onlyInCi}`,
  async ({ expect }) => {
    expect(await soaked('540', 'wasm')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^flat {2}wasm/m) });
  },
  300_000,
);

// What counts as growth, growth.test.ts says without a run.
it.skipIf(onlyInCi).concurrent(
  `some 50 bytes that are kept in each step are told of${onlyInCi}`,
  async ({ expect }) => {
    const { code, stdout } = await soaked('540', 'wasm', 'leak');

    expect(code).toBe(1);
    expect(stdout).toMatch(/^GROWS {2}wasm.*\n +[4-9]\d\.\d+ bytes a step .*\n$/m);
  },
  300_000,
);
