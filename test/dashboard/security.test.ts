import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { dashboard, type Dashboard, type DashboardOptions } from '../../src/dashboard/dashboard.js';
import { ask, tokenIn, type Asked } from './ask.js';

describe('the dashboard, as those who may not see it', () => {
  const open: Dashboard[] = [];
  beforeEach(() => void vi.spyOn(console, 'log').mockImplementation(() => undefined));
  afterEach(async () => {
    await Promise.all(open.splice(0).map((board) => board.close()));
    vi.restoreAllMocks();
  });

  /** A served dashboard, and the commands that its run has heard. */
  const served = async (options: DashboardOptions = {}) => {
    const board = dashboard(options);
    open.push(board);
    const heard: unknown[] = [];
    board.stop$.subscribe(() => heard.push('stop'));
    board.learningRate$.subscribe((rate) => heard.push(rate));
    const url = await board.url;
    const { host, port } = new URL(url);
    const control = (asked: Asked = {}) =>
      ask(url, '/api/control', {
        method: 'POST',
        body: '{"command":"stop"}',
        ...asked,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${tokenIn(url)}`, ...asked.headers },
      });
    return { url, host, port, heard, control };
  };
  const routes = ['/', '/page.js', '/api/series?run=this%20run', '/api/live'];

  it("listens on this machine's own address unless told otherwise", async () => {
    const { url, port } = await served();
    expect(new URL(url).hostname).toBe('127.0.0.1');

    const others = Object.values(networkInterfaces())
      .flat()
      .filter((each) => each?.family === 'IPv4' && !each.internal);
    for (const { address } of others as { address: string }[]) {
      const reached = await new Promise((resolve) => {
        const socket = connect(Number(port), address, () => resolve(true)).on('error', () => resolve(false));
        socket.unref();
      });
      expect(reached, address).toBe(false);
    }
  });

  it('listens elsewhere if told to, and control needs the token there as well', async () => {
    const { url, port, control, heard } = await served({ host: '0.0.0.0' });

    expect((await ask(`http://127.0.0.1:${port}`, '/')).status).toBe(200);
    expect((await control({ headers: { authorization: '' } })).status).toBe(401);
    expect((await ask(url, '/', { headers: { host: 'board.example' } })).status).toBe(421);
    expect(heard).toStrictEqual([]);
  });

  it.each(routes)('refuses another Host, as DNS rebinding sends it: %s', async (path) => {
    const { url, port } = await served();

    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'x y',
    ])
      expect((await ask(url, path, { headers: { host } })).status, host).toBe(421);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`GET ${path} HTTP/1.0\r\n\r\n`); // without one
    expect(await text(socket)).toMatch(/^HTTP\/1.1 421 /);
  });

  it('answers to localhost and to addresses', async () => {
    const { url, port } = await served();

    for (const host of [`localhost:${port}`, 'LOCALHOST', `127.0.0.1:${port}`, `[::1]:${port}`])
      expect((await ask(url, '/', { headers: { host } })).status, host).toBe(200);
  });

  it.each(routes)("refuses other sites' pages: %s", async (path) => {
    const { url, host } = await served();

    for (const origin of [
      'http://evil.example',
      'null',
      `https://${host}`,
      'http://127.0.0.1:1',
      `http://${host}.evil.example`,
    ])
      expect((await ask(url, path, { headers: { origin } })).status, origin).toBe(403);
    for (const site of ['cross-site', 'same-site'])
      for (const headers of [
        {},
        { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' },
        { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
      ])
        expect((await ask(url, path, { headers: { 'sec-fetch-site': site, ...headers } })).status, site).toBe(403);
  });

  it('refuses control from other sites, even with the token', async () => {
    const { control, heard } = await served();

    expect((await control({ headers: { origin: 'http://evil.example' } })).status).toBe(403);
    expect(
      (
        await control({
          headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
        })
      ).status,
    ).toBe(403);
    expect(heard).toStrictEqual([]);
  });

  it('may be visited by a link on another page', async () => {
    const { url } = await served();
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

    expect((await ask(url, '/', { headers })).status).toBe(200);
  });

  it('takes control with the token only', async () => {
    const { url, control, heard } = await served();
    const token = tokenIn(url);
    expect(token).toMatch(/^[\w-]{24}$/);

    for (const authorization of [
      '',
      'Bearer',
      'Bearer ',
      `Bearer ${token}x`,
      `Bearer ${token.slice(1)}`,
      `Basic ${token}`,
      token,
      `Bearer ${'a'.repeat(24)}`,
    ])
      expect((await control({ headers: { authorization } })).status, authorization).toBe(401);
    expect((await ask(url, `/api/control?token=${token}`, { method: 'POST', body: '{"command":"stop"}' })).status).toBe(
      401,
    );
    expect(heard).toStrictEqual([]);

    expect((await control()).status).toBe(204);
    expect(heard).toStrictEqual(['stop']);
  });

  it('has a token of its own each time, and says it to nobody', async () => {
    const [one, other] = [await served(), await served()];
    expect(tokenIn(one.url)).not.toBe(tokenIn(other.url));

    for (const path of ['/', '/page.js', '/page.css', '/api/series?run=this%20run']) {
      const { body, headers } = await ask(one.url, path);
      expect(body + JSON.stringify(headers)).not.toContain(tokenIn(one.url));
    }
  });

  it.each([
    '/../package.json',
    '/..%2f..%2fpackage.json',
    '/%2e%2e/%2e%2e/package.json',
    '/page.js/../../../../../package.json',
    '/..\\..\\package.json',
    '//etc/passwd',
    '/etc/passwd',
    '/page.js%00.html',
    '/api/../../package.json',
    '/__proto__',
    '/constructor',
  ])('gives no file but its own: %s', async (path) => {
    const { url } = await served();
    const { status, body } = await ask(url, path);

    expect([400, 404]).toContain(status);
    expect(Object.keys(JSON.parse(body))).toStrictEqual(['error']);
  });

  it.each(['//', 'http://', 'http://evil.example:99999/', '*'])('answers what is no path: %s', async (path) => {
    const { url } = await served();

    expect([400, 404]).toContain((await ask(url, path)).status);
    expect((await ask(url, '/')).status).toBe(200);
  });

  it.each(['/api/series?run=../../package.json', '/api/series?run=__proto__', '/api/series?run='])(
    'knows no other run: %s',
    async (path) => {
      const { url } = await served();

      expect((await ask(url, path)).status).toBe(404);
    },
  );

  it.each([
    '',
    'run=this%20run&pixels=1e9',
    'run=this%20run&pixels=0.5',
    'run=this%20run&alpha=0',
    'run=this%20run&alpha=2',
    'run=this%20run&every=0',
    'run=this%20run&from=-1',
    'run=this%20run&from=x',
    'run=this%20run&to=NaN',
  ])('refuses a part that cannot be asked for: %s', async (query) => {
    const { url } = await served();

    expect((await ask(url, `/api/series?${query}`)).status).toBe(400);
  });

  it('reads no more of a body than a command can have', async () => {
    const { url, port, heard } = await served();
    const { hostname } = new URL(url);
    const head = `POST /api/control HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${tokenIn(url)}\r\ncontent-type: application/json\r\n`;
    for (const framing of ['content-length: 1000000000\r\n\r\n', 'transfer-encoding: chunked\r\n\r\nffffff\r\n']) {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      socket.write(head + framing + ' '.repeat(100_000)); // and the rest never comes
      expect(await text(socket)).toMatch(/^HTTP\/1.1 413 /);
    }
    const long = `{"command":"stop","x":"${'x'.repeat(2000)}"}`;
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${tokenIn(url)}` };
    expect((await ask(url, '/api/control', { method: 'POST', headers, body: long })).status).toBe(413);
    expect(heard).toStrictEqual([]);
  });

  it('refuses a body before it reads it, if the token is missing', async () => {
    const { port } = await served();
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`POST /api/control HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n`); // and the body never comes

    expect(await text(socket)).toMatch(/^HTTP\/1.1 401 /);
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '{"command":"rm"}',
    '{"command":"learningRate"}',
    '{"command":"learningRate","value":-1}',
    '{"command":"learningRate","value":0}',
    '{"command":"learningRate","value":"1"}',
    '{"command":"learningRate","value":1e999}',
    '{"command":"__proto__"}',
  ])('refuses what is no command: %s', async (body) => {
    const { control, heard } = await served();
    const answer = await control({ body });

    expect(answer.status).toBe(400);
    expect(heard).toStrictEqual([]);
  });

  it('takes commands as application/json only, which forms of other sites cannot send', async () => {
    const { control, heard } = await served();

    for (const type of ['text/plain', 'application/x-www-form-urlencoded', ''])
      expect((await control({ headers: { 'content-type': type } })).status).toBe(415);
    expect(heard).toStrictEqual([]);
  });

  it('refuses what nothing listens to, and other methods', async () => {
    const { url, control } = await served();

    expect((await control({ body: '{"command":"pause"}' })).status).toBe(409);
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS'])
      expect((await ask(url, '/api/control', { method })).status, method).toBe(404);
    for (const method of ['POST', 'PUT', 'DELETE']) expect((await ask(url, '/', { method })).status, method).toBe(405);
    expect((await ask(url, '/api/live', { method: 'HEAD' })).status).toBe(404);
  });

  it('lets the page load nothing from elsewhere, and nobody frame it', async () => {
    const { url } = await served();
    const { headers } = await ask(url, '/');

    expect(headers['content-security-policy']).toMatch(
      /default-src 'none'; script-src 'self';.*frame-ancestors 'none'/,
    );
    expect(headers['content-security-policy']).not.toContain('unsafe');
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('is at most 200 kB, zipped', async () => {
    const { url } = await served();
    const sizes = ['/', '/page.js', '/page.css'].map(async (path) => {
      const { headers, body } = await ask(url, path, { headers: { 'accept-encoding': 'gzip' } });
      expect(headers['content-encoding']).toBe('gzip');
      return body.length; // as text it is no shorter than in bytes
    });

    const total = (await Promise.all(sizes)).reduce((sum, size) => sum + size);
    expect(total).toBeGreaterThan(10_000);
    expect(total).toBeLessThan(200_000);
  });
});
