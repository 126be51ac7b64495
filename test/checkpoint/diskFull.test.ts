import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { fileStore } from '../../src/checkpoint/fileStore.js';
import { StoreError } from '../../src/checkpoint/storeError.js';
import { network, runOf } from './support.js';

const folder = mkdtempSync(join(tmpdir(), 'gradstream-full-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]).status === 0;
const missing = mounted || process.env['CI'] === 'true' ? '' : ' (skipped: only root can mount a small disk)';

/** Of the 256 KiB. */
const files = (kilobytes: number, fill: number) => ({ 'small.bin': Uint8Array.of(fill), 'large.bin': new Uint8Array(kilobytes * 1024).fill(fill) }); // prettier-ignore

afterAll(() => {
  if (mounted) spawnSync('umount', [folder]);
  rmSync(folder, { recursive: true });
});

describe.skipIf(missing)(`a full disk${missing}`, () => {
  beforeAll(() => expect(mounted, 'a small disk must be mounted').toBe(true));

  it('makes a save fail that says so, keeps what was saved before, and blocks no later save', async () => {
    const store = fileStore(join(folder, 'runs'));
    await store.save('0001', files(100, 1));
    for (const name of ['0002', '0001']) {
      const error = await store.save(name, files(300, 2)).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(StoreError);
      expect(error).toMatchObject({
        store: `fileStore ${join(folder, 'runs')}`,
        checkpoint: name,
        message: expect.stringMatching(`'${name}' could not be saved: ENOSPC: no space left on device`),
        cause: expect.objectContaining({ code: 'ENOSPC' }),
      });
    }
    expect(await store.list()).toStrictEqual(['0001']);
    expect(await store.load('0001')).toStrictEqual(files(100, 1));
    expect(readdirSync(join(folder, 'runs'))).toStrictEqual(['0001']);

    await store.save('0002', files(100, 3)); // fits only if nothing is left of the others
    expect(await store.load('0002')).toStrictEqual(files(100, 3));
    rmSync(join(folder, 'runs'), { recursive: true });
  });

  it('ends a run with an error that says so, and the checkpoints before it stay', async () => {
    const store = fileStore(join(folder, 'run'));
    await store.save('0000000000-full', files(252, 1));
    const model = network();
    const run = lastValueFrom(runOf(model, 1).pipe(checkpointEvery(1, store)));
    await expect(run).rejects.toThrow(/^fileStore .*run: checkpoint '0000000001-\d+' could not be saved: ENOSPC: /);
    await new Promise(setImmediate); // what had been copied by then is freed
    model.dispose();
    expect(await store.list()).toStrictEqual(['0000000000-full']);
  });
});
