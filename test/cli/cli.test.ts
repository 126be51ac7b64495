import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

/** Runs the command line from its source. */
const gradstream = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });

describe('gradstream doctor', () => {
  it('says of each engine what it runs on, and exits with 0 if those named work', () => {
    const { stdout, status } = gradstream(['doctor', 'wasm', 'cpu']);
    expect(stdout).toMatch(/^engine +state +about\nwasm +works +SIMD, \d+ thread.*\ncpu +works +plain JavaScript\n$/);
    expect(status).toBe(0);
  });

  it('says of each that does not what is missing and how to get it; without names it is content with one that works', () => {
    const nowhere = { VK_DRIVER_FILES: '/nonexistent', VK_ICD_FILENAMES: '/nonexistent' };
    const { stdout, status } = gradstream(['doctor'], nowhere);
    expect(stdout).toMatch(/^webgpu +missing +\S.*\n +get it: npm install webgpu/m);
    expect(stdout).toMatch(/^node +(works +TensorFlow|missing .*run `npx gradstream native install)/m);
    expect(status).toBe(0);
    expect(gradstream(['doctor', 'webgpu'], nowhere).status).toBe(1);
  });

  it('refuses an engine that it does not know', () => {
    const { stderr, status } = gradstream(['doctor', 'tpu']);
    expect(stderr).toContain("'tpu' is invalid");
    expect(status).toBe(2);
  });
});

describe('gradstream native install', () => {
  it('fails with what to install, and says at which step', () => {
    const empty = mkdtempSync(join(tmpdir(), 'gradstream-cli-'));
    onTestFinished(() => rmSync(empty, { recursive: true }));
    const { stderr, status } = gradstream(['native', 'install', '--tensorflow', '2.0.1'], {
      PATH: empty,
      XDG_CACHE_HOME: empty,
    });
    expect(stderr).toMatch(
      /✗ 1\/6 looking at what is there .* s\ngradstream: python3 was not found: install Python 3 .*apt-get install python3/,
    );
    expect(status).toBe(1);
  });
});
