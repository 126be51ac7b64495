import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it, vi } from 'vitest';

import type { Series } from '../../src/dashboard/protocol.js';
import { stepEvent } from '../../src/testing/steps.js';
import { eventLine } from '../../src/trainer/eventLine.js';
import { gradstream, start } from './program.js';

describe('gradstream dashboard', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gradstream-dashboard-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('serves the runs of a folder and follows them, until Ctrl-C', async () => {
    const events = join(folder, 'first', 'events.jsonl');
    mkdirSync(join(folder, 'first'));
    writeFileSync(events, `${eventLine(stepEvent(1, { loss: 0.5 }))}\n`);
    const { child, ended, lines } = start(['dashboard', folder]);
    let url = '';
    child.stdout.on('data', (text) => (url += String(text)));
    await vi.waitFor(() => expect(lines()).toBe(1), { timeout: 15_000 });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\n$/); // no token: there is nothing to control

    const page = await fetch(new URL('/', url));
    expect(await page.text()).toContain('<title>gradstream</title>');
    const losses = async (): Promise<unknown> =>
      ((await (await fetch(new URL('/api/series?run=first', url))).json()) as Series).steps.columns['loss'];
    expect(await losses()).toStrictEqual([0.5]);
    appendFileSync(events, `${eventLine(stepEvent(2, { loss: 0.25 }))}\n`);
    await vi.waitFor(async () => expect(await losses()).toStrictEqual([0.5, 0.25]), { timeout: 3000 });
    const control = await fetch(new URL('/api/control', url), { method: 'POST', body: '{"command":"stop"}' });
    expect(control.status).toBe(404);

    child.kill('SIGINT');
    await once(child, 'close');
    expect((await ended).stderr).toContain('1 runs; Ctrl-C ends');
  });

  it('refuses what is no folder and what is no port', async () => {
    const nowhere = await gradstream('dashboard', join(folder, 'nowhere'));
    expect(nowhere.stderr).toContain('must be a folder with runs');
    expect(nowhere.code).toBe(2);
    const port = await gradstream('dashboard', folder, '--port', '99999');
    expect(port.stderr).toContain('whole number from 0 to 65535');
    expect(port.code).toBe(2);
  });
});
