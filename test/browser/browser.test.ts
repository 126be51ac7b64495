import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { launchChromium, missing, openHidden } from './chromium.js';
import type { Report } from './report.js';
import { bundle, serve, type Site } from './site.js';

describe('the package in a bundle', () => {
  it('brings nothing of Node, and no engine before one is chosen', async () => {
    const { metafile, warnings } = await bundle();
    const outputs = metafile.outputs;
    const atStart = (file: string): string[] => [
      ...Object.keys(outputs[file]!.inputs),
      ...outputs[file]!.imports.flatMap(({ path, kind }) => (kind === 'import-statement' ? atStart(path) : [])),
    ];
    const entry = Object.keys(outputs).find((file) => outputs[file]!.entryPoint === 'test/browser/page.ts')!;
    const packages = atStart(entry).flatMap((file) => /node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(file)?.[1] ?? []);

    expect(warnings).toStrictEqual([]);
    expect([...new Set(packages)].sort()).toStrictEqual(['ix', 'rxjs', 'tslib']);
    expect(
      Object.keys(metafile.inputs).filter((file) => /(^node:|\/(webgpu|tfjs-node[^/]*|log-update)\/)/.test(file)),
    ).toStrictEqual([]);
  });
});

describe.skipIf(missing)(`in a browser${missing}`, () => {
  let site: Site;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];
  const trainOn = (name: 'wasm' | 'webgpu', steps: number): Promise<Report> =>
    page.evaluate(`trainOn('${name}', ${steps})`);

  beforeAll(async () => {
    site = await serve(await bundle());
    browser = await launchChromium();
    page = await (await browser.newContext()).newPage();
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(site.url);
    await page.waitForFunction('globalThis.trainOn');
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    site.close();
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
      expect(report.longestGapMs).toBeLessThan(500);
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

  it.each(['wasm', 'webgpu'] as const)(
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

  it('says so where there is no WebGPU', async () => {
    const other = await (await browser.newContext()).newPage();
    await other.addInitScript('delete Navigator.prototype.gpu');
    await other.goto(site.url);
    await other.waitForFunction('globalThis.trainOn');

    await expect(other.evaluate(`trainOn('webgpu', 1)`)).rejects.toThrow('this browser has no WebGPU');
  });
});
