import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { gradstream, start } from './program.js';

describe('gradstream doctor', () => {
  it('says of each engine what it runs on, and exits with 0 if those named work', async () => {
    const { stdout, code } = await gradstream('doctor', 'wasm', 'cpu');
    expect(stdout).toMatch(/^engine +state +about\nwasm +works +SIMD, \d+ thread.*\ncpu +works +plain JavaScript\n$/);
    expect(code).toBe(0);
  }, 60_000);

  it('says of each that does not what is missing and how to get it; without names it is content with one that works', async () => {
    const nowhere = { VK_DRIVER_FILES: '/nonexistent', VK_ICD_FILENAMES: '/nonexistent' };
    const [{ stdout, code }, webgpu] = await Promise.all([
      start(['doctor'], nowhere).ended,
      start(['doctor', 'webgpu'], nowhere).ended,
    ]);
    expect(stdout).toMatch(/^webgpu +missing +\S.*\n +get it: npm install webgpu/m);
    expect(stdout).toMatch(/^node +(works +TensorFlow|missing .*run `npx gradstream native install)/m);
    expect(code).toBe(0);
    expect(webgpu.code).toBe(1);
  }, 60_000);

  it('refuses an engine that it does not know', async () => {
    const { stderr, code } = await gradstream('doctor', 'tpu');
    expect(stderr).toContain("'tpu' is invalid");
    expect(code).toBe(2);
  });
});

describe('gradstream native install', () => {
  it('fails with what to install, and says at which step', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'gradstream-cli-'));
    onTestFinished(() => rmSync(empty, { recursive: true }));
    const nothing = { PATH: empty, XDG_CACHE_HOME: empty };
    const { stderr, code } = await start(['native', 'install', '--tensorflow', '2.0.1'], nothing).ended;
    expect(stderr).toMatch(
      /✗ 1\/6 looking at what is there .* s\ngradstream: python3 was not found: install Python 3 .*apt-get install python3/,
    );
    expect(code).toBe(1);
  });
});
