import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

import { ArgumentError } from '../../../src/core/errors.js';
import { openWasm } from '../../../src/engine/wasm/wasm.js';
import { bundled } from '../../support/bundled.js';

const program = await bundled(new URL('program.ts', import.meta.url));

/** What the program printed; it is given up if it does not end by itself. */
async function run(threads: number): Promise<{ about: string; numbers: string }> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, String(threads)], {
    timeout: 15_000,
  });
  const [about, numbers] = stdout.trim().split('\n').at(-1)!.split(': ');
  return { about: about!, numbers: numbers! };
}

describe('threads of wasm', () => {
  it('compute what one computes, and let the process end', async () => {
    const [one, two] = await Promise.all([run(1), run(2)]);

    expect([one.about, two.about]).toStrictEqual(['SIMD, 1 thread(s)', 'SIMD, 2 thread(s)']);
    expect(two.numbers).toBe(one.numbers);
  });

  it('are a number from 1 to 8', async () => {
    await expect(openWasm({ threads: 0 })).rejects.toThrow('threads must be a whole number from 1 to 8, received 0');
  });

  it('are for Node to be asked for; a browser chooses by itself', async () => {
    const node = Object.getOwnPropertyDescriptor(globalThis, 'process')!;
    Reflect.deleteProperty(globalThis, 'process');
    const [asked, left] = [openWasm({ threads: 2 }), openWasm()].map((opened) =>
      opened.catch((error: unknown) => error),
    );
    Object.defineProperty(globalThis, 'process', node);

    expect(await asked).toBeInstanceOf(ArgumentError);
    expect(String(await asked)).toContain('threads are chosen by the browser');
    expect(await left).toHaveProperty('about', 'SIMD, 1 thread(s)');
  });
});
