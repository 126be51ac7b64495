import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import * as tf from '@tensorflow/tfjs';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { from, lastValueFrom, merge, Subject, toArray } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { ema } from '../../operators/ema.js';
import { gate } from '../../operators/gate.js';
import { logEvery } from '../../operators/logEvery.js';
import { stepTimes } from '../../operators/stepTimes.js';
import { tee } from '../../operators/tee.js';
import { throughput } from '../../operators/throughput.js';
import { validateEvery } from '../../operators/validateEvery.js';
import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { StepEvent, TrainingEvent } from '../../src/core/events.js';
import { dashboard, type Dashboard, type DashboardOptions } from '../../src/dashboard/dashboard.js';
import { readable } from '../../src/dashboard/page/dom.js';
import { recordedRuns } from '../../src/dashboard/recordedRuns.js';
import { serve } from '../../src/dashboard/serve.js';
import { engine } from '../../src/engine/engine.js';
import { adam } from '../../src/optim/adam.js';
import { history, type History } from '../../src/sinks/history.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { eventLine } from '../../src/trainer/eventLine.js';
import { train } from '../../src/trainer/train.js';
import { onlyInCi } from '../support/inCi.js';
import { batchesOf, line, squaredError } from '../support/line.js';
import { launchChromium, missing } from './chromium.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};
const SCREENS: readonly (readonly [string, BrowserContextOptions])[] = [
  ['on a phone', PHONE],
  ['on a desk', {}],
];

describe.skipIf(missing)(`the dashboard in Chromium${missing}`, { timeout: 60_000 }, () => {
  let browser: Browser | undefined;
  const closers: (() => unknown)[] = [];
  beforeAll(async () => {
    tf.env().set('IS_TEST', true); // silences the backend's banner
    await engine('cpu');
    vi.spyOn(console, 'log').mockImplementation(() => undefined);
    browser = await launchChromium();
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  afterAll(() => browser?.close());

  /** A page, and what it complained about. */
  const openPage = async (url: string, options: BrowserContextOptions = {}) => {
    const context = await browser!.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    closers.push(() => context.close());
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    await page.goto(url);
    return { page, complaints };
  };
  const openBoard = (options: DashboardOptions = {}): Dashboard => {
    const board = dashboard(options);
    closers.push(() => board.close());
    return board;
  };

  /** A run that goes on until it is stopped, with all there is to be seen of it. */
  const startRun = (board: Dashboard, stepMs = 2) => {
    const model = line();
    const store = memoryStore();
    const events = history();
    const kill$ = new Subject<void>();
    const batches = async function* () {
      const some = batchesOf([8, 8, 8, 8]);
      for (let i = 0; ; i++) {
        await wait(stepMs / 2);
        yield some[i % some.length]!;
      }
    };
    const run = lastValueFrom(
      train(model, batches, {
        loss: squaredError,
        optimizer: adam({ learningRate: board.learningRate$ }),
        accumulate: 2,
        clipNorm: 1,
        metrics: { error: (labels, predictions) => squaredError(labels as never, predictions as never) },
        until: merge(board.stop$, kill$),
      }).pipe(
        validateEvery(10, batchesOf([8])),
        checkpointEvery(40, store, { on: board.checkpoint$ }),
        gate(board.gate$),
        throughput(),
        stepTimes(),
        tee(events),
        tee(board),
      ),
    );
    const over = run.finally(() => model.dispose());
    closers.push(async () => (kill$.next(), over.catch(() => undefined)));
    return { over, events, store };
  };
  const stepsOf = ({ events }: Pick<History, 'events'>): StepEvent[] => events.filter((event) => event.type === 'step');
  /** Waits until something of a run holds. */
  const until = (holds: () => boolean) => vi.waitFor(() => expect(holds()).toBe(true), { timeout: 5000, interval: 20 });
  const status = (page: Page) => page.locator('#status');

  /** What the page's table of numbers says, by column; the steps are in ascending order. */
  const numbersOf = async (page: Page): Promise<Record<string, string[]>> => {
    if (!(await page.locator('#numbers[open]').count())) await page.getByText('Numbers as a table').click();
    await page.locator('#table tbody tr').first().waitFor();
    const [head, ...rows] = await page
      .locator('#table tr')
      .evaluateAll((found) => found.map((row) => Array.from(row.children, (cell) => cell.textContent)));
    return Object.fromEntries(head!.map((name, i) => [name, rows.map((row) => row[i]!).reverse()]));
  };

  /** What a recorded run of so many steps would give, and its page. */
  const recorded = (steps: number, phase = 0): TrainingEvent[] =>
    Array.from({ length: steps }, (_, i) => i + 1).flatMap((n): TrainingEvent[] => {
      const wave = (k: number): number => 2 / Math.sqrt(n) + 0.3 * Math.sin(7 * n + k + phase) ** 2;
      const losses = [wave(1), wave(2), wave(3)];
      const step = stepEvent(n, {
        loss: losses.reduce((a, b) => a + b) / 3,
        microBatches: losses.map((loss) => ({ loss, weight: 1, metrics: {} })),
        metrics: { accuracy: 1 - wave(4) / 3 },
        learningRate: 1e-3 * (1 - n / (steps + 1)),
        gradientNorm: wave(5),
        samplesPerSecond: 900 + 50 * wave(6),
        timesMs: { data: 1, forwardBackward: 8 + wave(1), update: 2, read: 0.4, sinks: 0.2 },
      });
      return n % 10 === 0 ? [step, validationEvent(n, { loss: wave(0) + 0.1, metrics: { accuracy: 0.8 } })] : [step];
    });
  const shownBoard = async (events: readonly TrainingEvent[], options: DashboardOptions = {}) => {
    const board = openBoard(options);
    const url = await board.url; // from here on it takes events at once
    await lastValueFrom(from(events).pipe(tee(board)));
    return { board, url };
  };
  const shot = async (page: Page, name: string): Promise<void> => {
    const folder = process.env['SCREENSHOTS'];
    if (!folder) return;
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  };

  it('shows a run as it goes', async () => {
    const board = openBoard({ learningRate: 0.01 });
    const { over, events } = startRun(board);
    const { page, complaints } = await openPage(await board.url);

    await expect.poll(() => status(page).textContent(), { timeout: 5000 }).toBe('running');
    await until(() => events.events.some(({ type, globalStep }) => type === 'checkpoint' && globalStep > 20));
    await expect.poll(() => page.locator('#notes').textContent()).toMatch(/step 40checkpoint\S*40\S* \(steps\)/);
    const titles = await page.locator('figcaption').allTextContents();
    expect(titles).toStrictEqual([
      'Loss',
      'error',
      'Learning rate',
      'Gradient norm, before clipping',
      'Throughput (samples/s)',
      'Step time (ms)',
      'Memory (MiB)',
    ]);
    for (const name of ['data', 'forward, backward', 'update', 'read', 'validation', 'sinks'])
      expect(await page.locator('figure', { hasText: 'Step time' }).locator('.u-legend').textContent()).toContain(name);

    const seen = async (): Promise<number> => Number(await page.locator('#tiles dd').first().textContent());
    const before = await seen();
    await expect.poll(seen).toBeGreaterThan(before + 20);
    await shot(page, 'live');

    board.stop$.subscribe();
    const { control } = await controlOf(board);
    await control('stop');
    await over;
    await expect.poll(() => status(page).textContent()).toBe('ended');
    await expect.poll(seen).toBe(stepsOf(events).length);
    await expect.poll(() => page.locator('#controls').isHidden()).toBe(true);
    expect(complaints).toStrictEqual([]);
  });

  const controlOf = async (board: Dashboard) => {
    const url = await board.url;
    const control = (command: string) =>
      fetch(new URL('api/control', url), {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${new URL(url).hash.slice(1)}` },
        body: JSON.stringify({ command }),
      });
    return { control };
  };

  it('steers a run: pause, one step, resume, learning rate, checkpoint, stop', async () => {
    const board = openBoard({ learningRate: 0.01 });
    const { over, events, store } = startRun(board);
    const { page, complaints } = await openPage(await board.url);
    const button = (name: string) => page.getByRole('button', { name, exact: true });

    await button('Pause').click();
    await button('Resume').waitFor();
    expect(await status(page).textContent()).toBe('paused');
    const paused = stepsOf(events).length;
    await wait(200);
    expect(stepsOf(events)).toHaveLength(paused);
    await button('Step').click();
    await until(() => stepsOf(events).length > paused);
    await wait(200);
    expect(stepsOf(events)).toHaveLength(paused + 1);
    await button('Resume').click();
    await button('Pause').waitFor();
    await until(() => stepsOf(events).length > paused + 20);

    const slider = page.getByRole('slider', { name: 'Learning rate' });
    await slider.focus();
    for (let i = 0; i < 30; i++) await page.keyboard.press('ArrowRight'); // 0.3 decades up
    await until(() => stepsOf(events).at(-1)!.learningRate === 0.02);
    expect(await slider.getAttribute('aria-valuetext')).toBe('0.02000');
    await expect.poll(() => page.locator('#notes').textContent()).toMatch(/learningRate [\d.]+ → 0.02/);

    await button('Checkpoint').click();
    await until(() => events.events.some((event) => event.type === 'checkpoint' && event.reason === 'demand'));
    const demanded = events.events.find((event) => event.type === 'checkpoint' && event.reason === 'demand') as {
      name: string;
    };
    expect(await store.list()).toContain(demanded.name);
    await expect.poll(() => page.locator('#notes').textContent()).toContain('(demand)');

    await button('Stop').click();
    const going = stepsOf(events).length;
    await until(() => stepsOf(events).length > going + 5); // asked first
    await button('Really stop?').click();
    expect(await over).toMatchObject({ type: 'end', reason: 'until' });
    await expect.poll(() => status(page).textContent()).toBe('ended');
    expect(complaints).toStrictEqual([]);
  });

  it('says why a control was refused', async () => {
    const board = openBoard({ learningRate: 0.01 });
    const { over } = startRun(board);
    const { page } = await openPage((await board.url).replace(/#.*/, '#wrong'));

    await page.getByRole('button', { name: 'Pause' }).click();
    await expect.poll(() => page.getByRole('alert').textContent()).toContain('control needs the token');
    expect(await page.evaluate(() => location.href)).not.toContain('wrong');
    await (await controlOf(board)).control('stop');
    await over;
  });

  it.skipIf(onlyInCi)(`gives after the fact what ema and logEvery would have given${onlyInCi}`, async () => {
    const events = recorded(60);
    const { url } = await shownBoard(events);
    const { page } = await openPage(url);
    const expected = async (alpha: number, every: number) => {
      const given = await lastValueFrom(from(events).pipe(ema('loss', { alpha }), logEvery(every), toArray()));
      const steps = given.filter((event) => event.type === 'step');
      return {
        step: steps.map(({ globalStep }) => String(globalStep)),
        loss: steps.map(({ loss }) => readable(loss)),
        average: steps.map((step) => readable(step.ema['loss'])),
      };
    };

    expect(await numbersOf(page)).toMatchObject(await expected(0.02, 1));
    await page.getByRole('spinbutton', { name: 'Smoothing α' }).fill('0.3');
    await page.getByRole('spinbutton', { name: 'Every' }).fill('7');
    await page.keyboard.press('Tab');
    const wanted = await expected(0.3, 7);
    await expect.poll(() => numbersOf(page), { timeout: 5000 }).toMatchObject(wanted);
  });

  it.skipIf(onlyInCi)(
    `zooms by dragging, by buttons and by keys, and asks for what is seen in full${onlyInCi}`,
    async () => {
      const { url } = await shownBoard(recorded(20_000));
      const { page } = await openPage(url);
      const range = page.locator('#range');
      const plot = page.locator('.u-over').first();
      await expect.poll(() => page.locator('#tiles dd').first().textContent()).toBe(readable(20_000));
      await plot.waitFor();

      const box = (await plot.boundingBox())!;
      await page.mouse.move(box.x + box.width * 0.5, box.y + 50);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.51, box.y + 60, { steps: 8 });
      await page.mouse.up();
      await expect.poll(() => range.textContent()).toMatch(/^steps (99|100)\d\d–10[123]\d\d$/);
      const bounds = async (): Promise<number[]> => (await range.textContent())!.match(/\d+/g)!.map(Number);
      const [low, high] = await bounds();
      await expect.poll(async () => Number((await numbersOf(page))['step']!.at(-1))).toBeLessThanOrEqual(high! + 3);
      expect(Number((await numbersOf(page))['step']![0])).toBeGreaterThanOrEqual(low! - 3);

      await page.getByRole('button', { name: 'Zoom out' }).click();
      const [wider] = await bounds();
      expect(wider).toBeLessThan(low!);
      await page.getByRole('button', { name: 'Later' }).click();
      expect((await bounds())[0]).toBeGreaterThan(wider!);
      await page.getByRole('img', { name: /^Loss/ }).focus();
      await page.keyboard.press('+');
      const [from, to] = await bounds();
      expect(to! - from!).toBeLessThan(high! - low! + 20);
      await page.keyboard.press('Home');
      expect(await range.textContent()).toBe('all steps');
      expect(await page.getByRole('button', { name: 'Whole run' }).isDisabled()).toBe(true);
    },
  );

  it.skipIf(onlyInCi)(`compares runs that are recorded, and follows them as they grow${onlyInCi}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gradstream-board-'));
    closers.push(() => rmSync(folder, { recursive: true }));
    const write = (name: string, events: readonly TrainingEvent[]): void => {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, 'events.jsonl'), events.map((event) => `${eventLine(event)}\n`).join(''), {
        flag: 'a',
      });
    };
    write('first', recorded(50));
    write('second', recorded(30, 1));
    const runs = recordedRuns(folder);
    await runs.look();
    const served = await serve({ host: '127.0.0.1', port: 0, runs: () => runs.runs });
    closers.push(() => served.close());
    const { page, complaints } = await openPage(served.url);

    await page.getByText('Compare runs').click();
    await page.getByRole('checkbox', { name: 'second' }).check();
    const legend = page.locator('figure').first().locator('.u-legend');
    await expect.poll(() => legend.textContent()).toMatch(/first: average.*second: average/);
    expect(await page.getByRole('checkbox', { name: 'first' }).isChecked()).toBe(true);
    await shot(page, 'compare');

    write(
      'first',
      recorded(80).filter(({ globalStep }) => globalStep > 50),
    );
    await runs.look();
    await expect.poll(() => page.locator('#tiles dd').first().textContent()).toBe('80');
    await page.getByRole('checkbox', { name: 'first' }).uncheck();
    await expect.poll(() => page.locator('#tiles dd').first().textContent()).toBe('30');
    expect(await page.locator('#controls').isHidden()).toBe(true); // another process trains it
    expect(complaints).toStrictEqual([]);
  });

  it('comes back when the server does, and has neither a gap nor a double', async () => {
    const events = recorded(60);
    const board = openBoard();
    const url = await board.url;
    const port = Number(new URL(url).port);
    await lastValueFrom(from(events.slice(0, 30)).pipe(tee(board)));
    const { page } = await openPage(url);
    await expect.poll(async () => (await numbersOf(page))['step']!.length).toBeGreaterThan(25);

    await board.close();
    await expect.poll(() => status(page).getAttribute('data-status'), { timeout: 5000 }).toBe('lost');
    const next = openBoard({ port });
    await lastValueFrom(from(events).pipe(tee(next)));
    await expect.poll(() => status(page).textContent(), { timeout: 10_000 }).toBe('ended');
    const steps = Array.from({ length: 60 }, (_, i) => String(i + 1));
    await expect.poll(async () => (await numbersOf(page))['step'], { timeout: 5000 }).toStrictEqual(steps);
  });

  it.skipIf(onlyInCi).each(SCREENS)(
    `has no violation that axe finds, in light and dark, and fits: %s${onlyInCi}`,
    async (name, options) => {
      const events = recorded(300);
      const board = openBoard({ learningRate: 1e-3 });
      merge(board.learningRate$, board.gate$, board.stop$, board.checkpoint$).subscribe(); // so that all is offered
      for (const event of events) await board.next(event);
      await board.next({
        type: 'checkpoint',
        globalStep: 300,
        epoch: 1,
        name: 'step-300',
        reason: 'steps',
        best: true,
        skipped: 0,
      });
      await board.next({ type: 'change', globalStep: 300, epoch: 1, what: 'learningRate', from: 0.1, to: 0.05 });
      await board.next(
        stepEvent(301, { loss: 0.4, learningRate: 1e-5, nonFinite: { what: 'gradient', action: 'skipped' } }),
      );
      const { page, complaints } = await openPage(await board.url, options);
      await expect.poll(() => page.locator('figure').count()).toBeGreaterThan(5);
      await page.evaluate(axe);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await page.locator('figure').nth(5).waitFor();
        await shot(page, `${name} ${colorScheme}`.replaceAll(' ', '-'));

        // What differs in the dark are colours.
        const found = (await page.evaluate(
          colorScheme === 'light' ? 'axe.run()' : "axe.run({ runOnly: ['color-contrast'] })",
        )) as AxeResults;
        expect(
          found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
        ).toStrictEqual([]);
        expect(found.passes.map(({ id }) => id)).toStrictEqual(
          expect.arrayContaining(
            colorScheme === 'light' ? ['color-contrast', 'label', 'button-name'] : ['color-contrast'],
          ),
        );
      }
      await numbersOf(page);
      const open = (await page.evaluate("axe.run('#numbers')")) as AxeResults;
      expect(open.violations).toStrictEqual([]);
      const [wide, seen] = await page.evaluate(() => [
        document.documentElement.scrollWidth,
        document.documentElement.clientWidth,
      ]);
      expect(wide).toBeLessThanOrEqual(seen!);
      expect(complaints).toStrictEqual([]);
    },
  );

  it.skipIf(onlyInCi)(`is used without a mouse${onlyInCi}`, async () => {
    const board = openBoard({ learningRate: 0.01 });
    const { over, events } = startRun(board);
    const { page } = await openPage(await board.url);
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    const focused = () =>
      page.evaluate(
        () => document.activeElement?.id || document.activeElement?.getAttribute('aria-label')?.split(':')[0],
      );
    const order: (string | null | undefined)[] = [];
    for (let i = 0; i < 22; i++) {
      await page.keyboard.press('Tab');
      order.push(await focused());
    }
    // The skip link, the controls, the view, the charts; Step is disabled while the run goes.
    expect(order).toStrictEqual(
      expect.arrayContaining([
        'pause',
        'checkpoint',
        'stop',
        'rateSlider',
        'alpha',
        'alphaNumber',
        'every',
        'log',
        'zoomIn',
        'Loss',
      ]),
    );
    expect(order.indexOf('pause')).toBeLessThan(order.indexOf('alpha'));
    expect(order.indexOf('alpha')).toBeLessThan(order.indexOf('Loss'));

    await page.locator('#pause').focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    await page.keyboard.press('p'); // anywhere
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    expect(await page.locator('#said').textContent()).toBe('The run is running');
    const count = stepsOf(events).length;
    await until(() => stepsOf(events).length > count + 5);
    await page.locator('#stop').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    expect(await over).toMatchObject({ reason: 'until' });
  });
});
