import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { concat, from, lastValueFrom, take, throwError } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { tee } from '../../../operators/tee.js';
import type { TrainingEvent } from '../../../src/core/events.js';
import { histogramOf } from '../../../src/core/histogram.js';
import { wandb, type WandbOptions } from '../../../src/sinks/wandb.js';
import { chunked, SIGNATURE } from '../../../src/sinks/wandb/log.js';
import { encodeRecord, type RecordMessage } from '../../../src/sinks/wandb/messages.js';
import { stepEvent } from '../../../src/testing/steps.js';
import { onlyInCi } from '../../support/inCi.js';
import { wholeRun } from '../contract.js';
import { freshRuns, newestFile, recordsIn, rowsOf } from './runs.js';
import { missing, startWandb, type WandbServer } from './server.js';

describe.skipIf(missing)(`wandb sync${missing}`, () => {
  let server!: WandbServer;
  beforeAll(async () => {
    server = await startWandb();
  });
  afterAll(async () => (server as WandbServer | undefined)?.stop());

  const runs = (): string => {
    const { folder, dispose } = freshRuns();
    onTestFinished(dispose);
    return folder;
  };
  const sync = (folder: string, ...options: string[]) => server.sync(dirname(newestFile(folder)), ...options);
  const run = (folder: string, events: readonly TrainingEvent[], options: WandbOptions = {}) =>
    lastValueFrom(from(events).pipe(tee(wandb('digits', { folder, ...options }))));

  it('takes exactly our steps and values there, of a run that was killed, torn and gone on with', async () => {
    const folder = runs();
    const hyperParameters = { rate: 0.1, optimizer: { name: 'adam', betas: [0.9, 0.999] }, warm: null, odd: 'Ä "x"' };
    const options = { run: 'first', id: 'digits-1', tags: ['a', 'b'], hyperParameters };
    const killed = wandb('digits', { folder, ...options });
    wholeRun.slice(0, 8).forEach((event) => void killed.next(event));
    const path = newestFile(folder);
    truncateSync(path, statSync(path).size - 5); // of step 3
    await run(folder, wholeRun.slice(5), options);

    const { rows, config, summary, ...about } = await sync(folder);
    expect(about).toStrictEqual({ id: 'digits-1', project: 'digits', name: 'first', tags: ['a', 'b'], complete: true, exitCode: 0 }); // prettier-ignore
    expect(config).toStrictEqual(hyperParameters);
    expect(rows).toStrictEqual(rowsOf(wholeRun));
    const last = Object.assign({}, ...rowsOf(wholeRun)) as object;
    const { _wandb, _timestamp, _runtime, ...ours } = summary;
    expect(ours).toStrictEqual({ ...last, end: 'epochs' });
  }, 60_000);

  it.skipIf(onlyInCi)(
    `takes a run there again that has gone on since, in the place of what was there${onlyInCi}`,
    async () => {
      const folder = runs();
      await run(folder, wholeRun.slice(0, 5), { id: 'a' });
      expect((await sync(folder)).rows).toStrictEqual(rowsOf(wholeRun.slice(0, 5)));
      await run(folder, wholeRun.slice(5), { id: 'a' });
      expect((await sync(folder)).rows).toStrictEqual(rowsOf(wholeRun));
    },
    60_000,
  );

  it('takes there what does not fit into a block, and NaN and the infinities', async () => {
    const folder = runs();
    const events = Array.from({ length: 700 }, (_, i) => stepEvent(i + 1, { loss: [NaN, Infinity, -Infinity, 0, 1e-300][i % 5]! })); // prettier-ignore
    const large = 'x'.repeat(100_000);
    await run(folder, events, { hyperParameters: { large } });

    const { rows, config } = await sync(folder);
    expect(readFileSync(newestFile(folder)).length).toBeGreaterThan(9 * 32 * 1024);
    expect(config).toStrictEqual({ large });
    expect(rows).toStrictEqual(rowsOf(events));
  }, 60_000);

  it.skipIf(onlyInCi)(
    `reads a record wherever it begins in a block${onlyInCi}`,
    async () => {
      const folder = runs();
      const values = Array.from({ length: 12 }, (_, room) => room);
      await run(folder, [stepEvent(100)], { id: 'a' });
      const path = newestFile(folder);
      const [header, begun] = recordsIn(path);
      const parts = [SIGNATURE];
      let [size, num] = [SIGNATURE.length, 0];
      const put = (record: RecordMessage): void => {
        const part = chunked(encodeRecord(++num, record), size);
        parts.push(part);
        size += part.length;
      };
      const filler = (length: number): RecordMessage => ({ summary: { update: [{ nestedKey: ['x'], valueJson: `"${'x'.repeat(length)}"` }] } }); // prettier-ignore
      put({ header: header!.header! });
      put({ run: begun!.run! });
      for (const room of values) {
        const gap = (length: number): number =>
          -(size + chunked(encodeRecord(num + 1, filler(length)), size).length + room) & (32 * 1024 - 1);
        let length = 300;
        while (gap(length) > 0) length += Math.max(1, gap(length) - 20); // lengths take bytes, too
        put(filler(length));
        const value = { nestedKey: ['training/loss'], valueJson: String(room) };
        put({ history: { item: [{ nestedKey: ['_step'], valueJson: String(room + 1) }, value], step: { num: room + 1 } } }); // prettier-ignore
      }
      put({ exit: {} });
      writeFileSync(path, Buffer.concat(parts));

      expect(recordsIn(path)).toHaveLength(3 + 2 * values.length);
      expect((await sync(folder)).rows).toStrictEqual(
        values.map((room) => ({ _step: room + 1, 'training/loss': room })),
      );
    },
    60_000,
  );

  it.skipIf(onlyInCi)(
    `takes there that a run has failed, or was unsubscribed, and histograms${onlyInCi}`,
    async () => {
      const folder = runs();
      const spread = histogramOf('weights/w', [0, 1, 1]);
      const events: TrainingEvent[] = [stepEvent(1), { type: 'histogram', globalStep: 1, epoch: 1, ...spread }];
      const failing$ = concat(from(events), throwError(() => new Error('the loss is NaN'))).pipe(tee(wandb('digits', { folder }))); // prettier-ignore
      await expect(lastValueFrom(failing$)).rejects.toThrow('the loss is NaN');
      const failed = await sync(folder);
      expect(failed).toMatchObject({ complete: true, exitCode: 1, summary: { error: 'the loss is NaN' } });
      expect(failed.rows).toMatchObject([{ 'weights/w': { _type: 'histogram', values: spread.counts, bins: spread.edges } }]); // prettier-ignore

      const other = runs();
      await lastValueFrom(from([stepEvent(1), stepEvent(2)]).pipe(tee(wandb('digits', { folder: other })), take(1)));
      expect(await sync(other)).toMatchObject({ complete: true, exitCode: 255, rows: [{ _step: 1 }] });
    },
    60_000,
  );
});
