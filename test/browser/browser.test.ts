import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { isCi } from '../support/inCi.js';
import { launchChromium, missing, openHidden } from './chromium.js';
import type { Report } from './report.js';
import { bundler, serve, type Bundler, type Site } from './site.js';

let app: Bundler;
beforeAll(async () => {
  app = await bundler();
});
afterAll(() => app.remove());

describe('the package in a bundle', () => {
  it('brings nothing of Node, and no engine before one is chosen', async () => {
    const { metafile, warnings } = await app.bundle('everything.ts');
    const { outputs, inputs } = metafile;
    const atStart = (file: string): string[] => [
      ...Object.keys(outputs[file]!.inputs),
      ...outputs[file]!.imports.flatMap(({ path, kind }) => (kind === 'import-statement' ? atStart(path) : [])),
    ];
    const entry = Object.keys(outputs).find((file) => outputs[file]!.entryPoint === 'everything.ts')!;
    const packageOf = (file: string): string[] => /node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(file)?.slice(1) ?? [];

    expect(warnings).toStrictEqual([]);
    expect([...new Set(atStart(entry).flatMap(packageOf))].sort()).toStrictEqual([
      'gradstream',
      'ix',
      'pure-rand',
      'rxjs',
      'tslib',
      'valibot', // what `replay` reads is checked
    ]);
    const packages = new Set(Object.keys(inputs).flatMap(packageOf));
    expect(packages).toContain('@tensorflow/tfjs-backend-wasm');
    for (const name of ['webgpu', '@tensorflow/tfjs-node-gpu', 'log-update']) expect(packages).not.toContain(name);
  });
});

describe.skipIf(missing)(`in a browser${missing}`, () => {
  let site!: Site;
  let browser!: Browser;
  let page: Page;
  const complaints: string[] = [];
  const trainOn = (name: 'wasm' | 'webgpu', steps: number): Promise<Report> =>
    page.evaluate(`trainOn('${name}', ${steps})`);

  beforeAll(async () => {
    site = await serve(await app.bundle('page.ts'));
    browser = await launchChromium();
    page = await (await browser.newContext()).newPage();
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(site.url);
    await page.waitForFunction('globalThis.trainOn');
  }, 60_000);
  afterAll(async () => {
    await (browser as Browser | undefined)?.close();
    (site as Site | undefined)?.close();
  });

  const steps = { wasm: 400, webgpu: 12 };
  const reports: Partial<Record<keyof typeof steps, Report>> = {};

  it.each(['wasm', 'webgpu'] as const)(
    'trains on %s, frees what it made, and the page stays responsive',
    async (name) => {
      const report = await trainOn(name, steps[name]);
      reports[name] = report;

      expect(report).toMatchObject({ backend: name, tensorsLeft: 0, handlesLeft: 0, hidden: [false, false] });
      expect(report.about).toMatch(name === 'wasm' ? /SIMD/ : /swiftshader/);
      expect(report.types).toStrictEqual([...Array<string>(steps[name]).fill('step'), 'end']);
      expect(report.ticks).toBeGreaterThan(report.ms / 250);
      expect(report.longestGapMs).toBeLessThan(report.ms / 2); // a twentieth, idle; a run that never yields is one gap
      expect(complaints).toStrictEqual([]);
    },
    60_000,
  );

  it('learns', () => {
    expect(Math.max(...reports.wasm!.losses.slice(-4))).toBeLessThan(0.01);
  });

  it('computes the same on both', () => {
    reports.webgpu!.losses.forEach((loss, i) => expect(loss).toBeCloseTo(reports.wasm!.losses[i]!, 4));
  });

  it.each(isCi ? (['wasm', 'webgpu'] as const) : (['wasm'] as const))(
    'goes on as fast on %s when the tab is hidden',
    async (name) => {
      const posted = site.report();
      await openHidden(browser, `${site.url}?hidden=${name}&steps=${steps[name]}`);
      const report = await posted;

      expect(report).toMatchObject({ backend: name, tensorsLeft: 0, hidden: [true, true] });
      expect(report.losses).toStrictEqual(reports[name]!.losses);
      expect(report.ms).toBeLessThan(4 * reports[name]!.ms);
    },
    60_000,
  );

  it('says so where there is no WebGPU, and takes wasm if it may choose', async () => {
    const other = await (await browser.newContext()).newPage();
    await other.addInitScript('delete Navigator.prototype.gpu');
    await other.goto(site.url);
    await other.waitForFunction('globalThis.trainOn');

    await expect(other.evaluate("trainOn('webgpu', 1)")).rejects.toThrow(
      "EngineError: engine: 'webgpu' must run here, but this browser has no WebGPU",
    );
    await expect(other.evaluate("trainOn('auto', 1)")).resolves.toMatchObject({
      backend: 'wasm',
      why: expect.stringContaining('this browser has no WebGPU'),
    });
  });
});
