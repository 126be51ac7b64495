import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Browser, Page } from 'playwright-core';
import { Subject } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { eventServer } from '../../examples/eventServer.js';
import { servePage } from '../../examples/servePage.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { stepEvent } from '../../src/testing/steps.js';
import { onlyInCi } from '../support/inCi.js';
import { launchChromium, missing } from './chromium.js';
import { bundler, type Bundler } from './site.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe.skipIf(missing)(`examples in a browser${missing}`, () => {
  let app!: Bundler;
  let browser!: Browser;
  const complaints: string[] = [];

  beforeAll(async () => {
    app = await bundler();
    cpSync(join(root, 'examples'), join(app.folder, 'examples'), { recursive: true });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await (browser as Browser | undefined)?.close();
    app.remove();
  });

  /** The page of a folder, open in a tab; what it complains of is collected. */
  async function open(folder: string, scripts: string[]): Promise<Page> {
    complaints.length = 0;
    const { url, stop } = await servePage(join(app.folder, 'examples', folder), scripts, [join(root, 'node_modules')]);
    const page = await browser.newPage({ viewport: { width: 900, height: 700 } });
    onTestFinished(async () => {
      await page.close();
      await stop();
    });
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(url);
    return page;
  }
  const shot = (page: Page, name: string) =>
    process.env['SHOTS'] ? page.screenshot({ path: join(process.env['SHOTS'], `${name}.png`) }) : undefined;

  /** For how many seconds the page's own thread has computed since, however busy the machine is. */
  async function processorTime(page: Page): Promise<() => Promise<number>> {
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    const total = async () =>
      (await session.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration')!.value;
    const before = await total();
    return async () => (await total()) - before;
  }

  it.skipIf(onlyInCi)(
    `React: shows a run while it learns, pauses it between two steps, and goes on${onlyInCi}`,
    async () => {
      const page = await open('react', ['main.tsx']);
      const shown = async (name: string) =>
      Number(await page.locator('div', { has: page.getByText(name, { exact: true }) }).last().locator('dd').innerText()); // prettier-ignore
      const steps = async () => shown('global step');
      const points = async (line: number) =>
        ((await page.locator('polyline').nth(line).getAttribute('points')) ?? '').split(' ').length;

      await expect.poll(steps, { timeout: 30_000 }).toBeGreaterThan(20);
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.getByRole('button', { name: 'Go on' }).waitFor();
      let paused = NaN; // what was under way is shown first
      await expect.poll(async () => paused === (paused = await steps()), { interval: 700, timeout: 20_000 }).toBe(true);
      expect(await points(0)).toBe(paused);
      await shot(page, 'react-paused');

      await page.getByRole('button', { name: 'Go on' }).click();
      await page.getByRole('button', { name: 'Done' }).waitFor({ timeout: 60_000 });
      await shot(page, 'react');
      expect(await steps()).toBe(600);
      expect([await points(0), await points(1), await points(2)]).toStrictEqual([600, 600, 24]);
      expect(await shown('average loss')).toBeLessThan(0.1);
      expect(await shown('validation accuracy')).toBeGreaterThan(0.95);
      expect(complaints).toStrictEqual([]);
    },
  );

  it.skipIf(onlyInCi)(
    `a server: a browser that loses its connection gets every event once, and stops asking when the run is over${onlyInCi}`,
    async () => {
      const run$ = new Subject<TrainingEvent>();
      const server = eventServer(run$);
      const url = await server.listen({ port: 0, host: '127.0.0.1' });
      const page = await browser.newPage();
      onTestFinished(async () => {
        await page.close();
        await server.close();
      });
      let asked = 0;
      page.on('request', (request) => (asked += Number(request.url().endsWith('/events'))));
      await page.goto(url);
      const lines = async () => (await page.locator('#log').innerText()).split('\n').filter(Boolean);
      for (let s = 1; s <= 300; s += 1) {
        run$.next(stepEvent(s, { loss: 1 }));
        if (s % 100 !== 0) continue;
        await expect.poll(lines, { timeout: 10_000 }).toHaveLength(s / 10);
        server.server.closeAllConnections();
      }
      run$.next({ type: 'end', globalStep: 300, epoch: 1, reason: 'steps' });
      run$.complete();
      await expect.poll(lines, { timeout: 10_000 }).toHaveLength(31);
      await expect.poll(() => page.evaluate('source.readyState'), { timeout: 10_000 }).toBe(2); // closed

      const told = Array.from({ length: 30 }, (_, i) => `step ${10 * (i + 1)} 1`);
      expect(await lines()).toStrictEqual([...told, 'end 300 ']);
      expect(asked).toBeGreaterThanOrEqual(4);
    },
    60_000,
  );

  it.skipIf(onlyInCi)(`a worker: trains beside the page, which draws and stays responsive${onlyInCi}`, async () => {
    const page = await open('worker', ['main.ts', 'worker.ts']);
    await page.waitForFunction("/^step/.test(document.getElementById('says').textContent)");
    const seconds = await processorTime(page);
    await page.getByRole('button', { name: 'Done' }).waitFor({ timeout: 60_000 });
    const spent = await seconds();
    await shot(page, 'worker');

    expect(spent).toBeLessThan(0.7); // it draws for 0.15 s; the run itself is more than 2 s of computing
    expect(await page.locator('#engine').innerText()).toMatch(/^wasm .*webgpu.* software/);
    const [, step, percent] = /^step (\d+): ([\d.]+) %/.exec(await page.locator('#says').innerText())!;
    expect(step).toBe('600');
    expect(Number(percent)).toBeGreaterThan(95);
    expect(await page.locator('.u-legend .u-label').allInnerTexts()).toStrictEqual(['global step', 'steps', 'average', 'validation']); // prettier-ignore
    expect(complaints).toStrictEqual([]);
  });

  it.skipIf(onlyInCi)(`a worker: stops when it is told to${onlyInCi}`, async () => {
    const page = await open('worker', ['main.ts', 'worker.ts']);
    await page.waitForFunction("/^step/.test(document.getElementById('says').textContent)");
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Done' }).waitFor();
    const [, step] = /^step (\d+)/.exec(await page.locator('#says').innerText())!;
    expect(Number(step)).toBeLessThan(600);
  });
});
