import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { itKeepsTheStoreContract } from '../checkpoint/storeContract.js';
import { isCi } from '../support/inCi.js';
import { launchChromium, missing } from './chromium.js';
import { bundler, serve, type Bundler, type Site } from './site.js';

describe.skipIf(missing)(`checkpoints in a browser${missing}`, () => {
  let app!: Bundler;
  let site!: Site;
  let browser!: Browser;
  let page: Page;
  let places = 0;

  const call = (name: string, ...given: unknown[]): Promise<unknown> =>
    page.evaluate(`${name}(...${JSON.stringify(given)})`);
  const load = async (): Promise<void> => {
    await page.goto(site.url);
    await page.waitForFunction('globalThis.runCase');
  };

  beforeAll(async () => {
    app = await bundler();
    site = await serve(await app.bundle('storesPage.ts'));
    browser = await launchChromium();
    page = await (await browser.newContext()).newPage();
    await load();
  });
  afterAll(async () => {
    await (browser as Browser | undefined)?.close();
    (site as Site | undefined)?.close();
    app.remove();
  });

  describe.each(isCi ? ['indexedDbStore', 'opfsStore'] : ['opfsStore'])('%s', (kind) => {
    const label = kind === 'opfsStore' ? 'opfsStore runs/' : 'indexedDbStore ';

    itKeepsTheStoreContract((name) => call('runCase', kind, name, `place${++places}`));

    it('has what was saved when the page is loaded anew, and keeps apart what has another name', async () => {
      expect(await call('save', kind, 'lasting', '0001', 7)).toBe('saved');
      await load();
      expect(await call('load', kind, 'lasting', '0001')).toStrictEqual({ 'a.bin': [3, 7], 'b.json': [1, 7] });
      expect(await call('list', kind, 'other')).toStrictEqual([]);
    });

    it('has the old checkpoint or the new one when the tab is closed while it saves, and the next save works', async () => {
      const [first, place] = [page, `closed${kind}`];
      expect(await call('save', kind, place, '0001', 1)).toBe('saved');
      const saving = call('save', kind, place, '0001', 2, 64 * 2 ** 20).catch(() => 'cut off');
      page = await first.context().newPage();
      await first.close();
      await saving;
      await load();
      expect(await call('list', kind, place)).toStrictEqual(['0001']);
      expect([{ 'a.bin': [3, 1], 'b.json': [1, 1] }, { 'a.bin': [64 * 2 ** 20, 2], 'b.json': [1, 2] }]).toContainEqual(await call('load', kind, place, '0001')); // prettier-ignore
      expect(await call('save', kind, place, '0002', 3)).toBe('saved');
      expect(await call('list', kind, place)).toStrictEqual(['0001', '0002']);
    });

    it('says so when the quota is used up, keeps what was saved before, and blocks no later save', async () => {
      const before = page;
      page = await (await browser.newContext()).newPage();
      onTestFinished(async () => {
        await page.context().close();
        page = before;
      });
      await load();
      // Before anything is saved: Chromium asks now and then only how much space is left.
      const session = await page.context().newCDPSession(page);
      await session.send('Storage.overrideQuotaForOrigin', {
        origin: new URL(site.url).origin,
        quotaSize: 4 * 2 ** 20,
      });

      expect(await call('save', kind, 'full', '0001', 1)).toBe('saved');
      for (const name of ['0002', '0001'])
        expect(await call('save', kind, 'full', name, 2, 16 * 2 ** 20)).toMatch(
          new RegExp(`^StoreError of ${name}: ${label}full: checkpoint '${name}' could not be saved: .*quota`, 'i'),
        );
      expect(await call('list', kind, 'full')).toStrictEqual(['0001']);
      expect(await call('load', kind, 'full', '0001')).toStrictEqual({ 'a.bin': [3, 1], 'b.json': [1, 1] });
      expect(await call('save', kind, 'full', '0003', 3, 2 ** 20)).toBe('saved');
      expect(await call('list', kind, 'full')).toStrictEqual(['0001', '0003']);
    });
  });

  it('opfsStore lists nothing that a closed tab has left half, and clears it away with the next save', async () => {
    await call('leaveHalf', 'rests');
    expect(await call('list', 'opfsStore', 'rests')).toStrictEqual([]);
    expect(await call('save', 'opfsStore', 'rests', '0001', 1)).toBe('saved');
    const contents = (await call('contents', 'opfsStore', 'rests')) as string[];
    expect(contents.filter((file) => file.includes('rests/')).map((file) => file.split('.').at(-2)).sort()).toStrictEqual(['a', 'b', 'checkpoint']); // prettier-ignore
  });

  it.each([['opfsStore', '../x'], ['opfsStore', '.'], ['indexedDbStore', '']])('%s refuses the place %j at once', async (kind, place) => {
    expect(await call('thrown', kind, place)).toContain('ArgumentError');
  }); // prettier-ignore
});
