import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Browser } from 'playwright-core';
import { from, lastValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { tee } from '../../operators/tee.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { tensorBoard } from '../../src/sinks/tensorBoard.js';
import { wholeRun } from '../sinks/contract.js';
import { onlyInCi } from '../support/inCi.js';
import { missing as noTensorBoard, startTensorBoard } from '../sinks/tensorBoardServer.js';
import { launchChromium, missing as noChromium } from './chromium.js';

const missing = noTensorBoard || noChromium || onlyInCi;

describe.skipIf(missing)(`TensorBoard's own page${missing}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'gradstream-tb-page-'));
  let browser: Browser | undefined;
  let server: Awaited<ReturnType<typeof startTensorBoard>> | undefined;

  beforeAll(async () => {
    await lastValueFrom(from<TrainingEvent[]>([...wholeRun]).pipe(tee(tensorBoard(join(folder, 'first')))));
    server = await startTensorBoard(folder);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true });
  });

  it('lists training and validation as runs, and draws a chart of each tag', async () => {
    const page = await browser!.newPage({ viewport: { width: 1600, height: 1200 } });
    await page.goto(`${server!.url}/#timeseries`);
    await page.getByText('first/validation', { exact: true }).first().waitFor();
    await page.getByText('learningRate', { exact: true }).first().waitFor();
    const text = await page.locator('body').innerText();

    for (const name of ['first/train', 'first/validation', 'loss', 'accuracy']) expect(text).toContain(name);
  });
});
