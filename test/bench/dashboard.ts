// What it costs to be looked at: a run's time with three pages open, and with two hundred that take nothing, against the same run unseen; and how long a
// page takes to show much. Pages of the first two are a process of their own, as browsers are.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

import { identity, lastValueFrom, tap, type MonoTypeOperatorFunction } from 'rxjs';

import { tee } from '../../operators/tee.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { dashboard, type Dashboard } from '../../src/dashboard/dashboard.js';
import type { Engine } from '../../src/engine/engine.js';
import { adam } from '../../src/optim/adam.js';
import { stepEvent } from '../../src/testing/steps.js';
import { train } from '../../src/trainer/train.js';
import { K } from './contenders.js';
import { lossFor, makeBatches, makeModel } from './models.js';

const KIND = 'tiny'; // the fastest: most events a second
const WARM_UP = 100;
const STEPS = 600;
/** Connections to /api/live: argv is the address, how many, and whether they read. */
const CLIENTS = `
  const { connect } = require('node:net');
  const [url, count, reads] = process.argv.slice(1);
  const { hostname, port } = new URL(url);
  let open = 0;
  for (let i = 0; i < count; i++) {
    const socket = connect(port, hostname, () => {
      socket.write('GET /api/live?after=' + encodeURIComponent('this run=0.0') + ' HTTP/1.1\\r\\nhost: localhost\\r\\n\\r\\n');
      if (++open === +count) console.log('open');
    });
    if (reads === 'true') socket.resume(); else socket.pause();
    socket.on('error', () => undefined);
  }
`;

export async function dashboardCost(engine: Engine, rounds: number): Promise<Record<string, number>> {
  execFileSync(process.execPath, ['-e', "import('./esbuild.page.js').then(({ default: build }) => build())"]);
  const { log } = console;
  console.log = () => undefined; // where each is served
  try {
    const measured = { ...(await seen(engine, rounds)), ...(await firstPaint()) };
    console.log = log;
    console.table(measured);
    return measured;
  } finally {
    console.log = log;
  }
}

/** Rounds take turns; a ratio is the median of the rounds' ratios. */
async function seen({ name, tf }: Engine, rounds: number): Promise<Record<string, number>> {
  const data = makeBatches(KIND, 32, 32).map(({ xs, shape, ys, labelShape }) => ({
    xs: { data: xs, shape },
    ys: { data: ys, shape: labelShape },
  }));
  function* batches() {
    for (let i = 0; i < (WARM_UP + STEPS) * K; i++) yield data[i % data.length]!;
  }
  const run = async (look: MonoTypeOperatorFunction<TrainingEvent>): Promise<number> => {
    const model = makeModel(tf, KIND);
    let start = 0;
    const options = { loss: lossFor(KIND), optimizer: adam(), accumulate: K };
    await lastValueFrom(
      train(model, batches(), options).pipe(
        look,
        tap(({ globalStep }) => globalStep === WARM_UP && (start = performance.now())),
      ),
    );
    model.dispose();
    return (performance.now() - start) / STEPS;
  };
  const watched = async (count: number, reads: boolean): Promise<number> => {
    const board = dashboard();
    const child = spawn(process.execPath, ['-e', CLIENTS, await board.url, String(count), String(reads)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const ms = await run(tee(board));
    child.kill();
    await board.close();
    return ms;
  };
  const times: [none: number, three: number, slow: number][] = [];
  for (let round = 0; round <= rounds; round++)
    times.push([await run(identity), await watched(3, true), await watched(200, false)]);
  times.shift(); // it has warmed up
  return {
    [`${KIND} on ${name}, unseen, ms a step`]: rounded(median(times.map(([none]) => none))),
    'the same with 3 pages open, ×': rounded(median(times.map(([none, three]) => three / none))),
    'its speed with 200 pages that take nothing, ×': rounded(median(times.map(([none, , slow]) => none / slow))),
  };
}

/** How long Chromium takes to show a long run, and a part of a longer one. */
async function firstPaint(): Promise<Record<string, number>> {
  const { launchChromium } = await import('../browser/chromium.js');
  if (!existsSync(process.env['CHROMIUM'] ?? '/usr/bin/chromium')) return {};
  const browser = await launchChromium();
  const shows = async (steps: number) => {
    const board = await filled(steps);
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    const start = performance.now();
    await page.goto(await board.url);
    await page.waitForFunction(
      (last) =>
        document.querySelector('#tiles dd')?.textContent?.replace(/\D/g, '') === last &&
        document.querySelector('canvas'),
      String(steps),
    );
    const paintMs = performance.now() - start;
    /** From a press of a button to the picture of what has come. */
    const zoomMs = await page.evaluate(async () => {
      const times: number[] = [];
      for (const id of ['zoomIn', 'zoomIn', 'right', 'zoomIn', 'whole']) {
        const begin = performance.now();
        const came = new Promise<void>((resolve) => {
          new PerformanceObserver((list, self) => {
            if (!list.getEntries().some(({ name }) => name.includes('api/series'))) return;
            self.disconnect();
            resolve();
          }).observe({ type: 'resource' });
        });
        document.getElementById(id)!.click();
        await came;
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
        times.push(performance.now() - begin);
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      return times.sort((a, b) => a - b)[2]!;
    });
    await page.close();
    await board.close();
    return { paintMs, zoomMs };
  };
  await shows(1000); // it has warmed up
  const [long, longer] = [await shows(100_000), await shows(1_000_000)];
  await browser.close();
  return {
    'first picture of 100 000 steps, ms': Math.round(long.paintMs),
    'first picture of a million steps, ms': Math.round(longer.paintMs),
    'zoom in a million steps until it is drawn, ms': Math.round(longer.zoomMs),
  };
}

/** A dashboard that has been told of a run of so many steps. */
async function filled(steps: number): Promise<Dashboard> {
  const board = dashboard();
  await board.url;
  for (let n = 1; n <= steps; n++) {
    const noise = (k: number): number => Math.sin(n * 12.9898 + k * 78.233);
    const microBatches = [1, 2, 3, 4].map((k) => ({ loss: 2 / Math.sqrt(n) + noise(k) ** 2, weight: 1, metrics: {} }));
    void board.next(
      stepEvent(n, {
        loss: microBatches[0]!.loss,
        microBatches,
        gradientNorm: noise(5),
        samplesPerSecond: 900 + noise(6),
      }),
    );
  }
  return board;
}

const rounded = (value: number): number => Number(value.toPrecision(4));

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
