import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

import { refusal } from './access.js';
import { commandIn, sendJson, seriesFor } from './answers.js';
import { readPage } from './page.js';
import { positionsIn } from './positions.js';
import type { Command } from './protocol.js';
import { readers } from './readers.js';
import { Refused } from './refused.js';
import type { ShownRun } from './shownRun.js';

/** What is served, and where. */
export interface Site {
  readonly host: string;
  /** 0 takes one that is free. */
  readonly port: number;
  readonly runs: () => ReadonlyMap<string, ShownRun>;
  /** Does what the page asks for; throws {@link Refused} if it cannot be done. Without it there is no control. */
  readonly use?: (command: Command) => void;
}

/** A server that listens. */
export interface Served {
  /** With the token that control needs, in the part of an address that no server is sent. */
  readonly url: string;
  /** Lets the process end though the server listens. */
  readonly release: () => void;
  close(): Promise<void>;
}

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

/** Serves the page, the runs and the controls until it is closed. */
export async function serve({ host, port, runs, use }: Site): Promise<Served> {
  const files = readPage();
  const token = randomBytes(18).toString('base64url');
  const following = readers(runs);

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = urlOf(request);
    const route = `${request.method} ${pathname}`;
    if (route === 'POST /api/control' && use) {
      use(await commandIn(request, token));
      response.writeHead(204).end();
      return;
    }
    if (route === 'GET /api/series') {
      sendJson(response, seriesFor(searchParams, runs()));
      return;
    }
    if (route === 'GET /api/live') {
      const id = request.headers['last-event-id'] ?? searchParams.get('after') ?? '';
      response.writeHead(200, { 'content-type': 'text/event-stream', connection: 'keep-alive' });
      response.write('retry: 1000\n\n');
      following.add(response, positionsIn(String(id)));
      return;
    }
    const file = files.get(pathname);
    if (!file || !['GET', 'HEAD'].includes(request.method!))
      throw new Refused(file ? 405 : 404, 'there is nothing here');
    const zips = /\bgzip\b/.test(request.headers['accept-encoding']?.toString() ?? '');
    response.writeHead(200, { 'content-type': file.type, ...(zips && { 'content-encoding': 'gzip' }) });
    response.end(zips ? file.zipped : file.plain);
  };
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const refuse = ({ status, message }: Refused): void => {
      if (response.headersSent) {
        response.destroy();
        return;
      }
      response.setHeader('connection', 'close'); // what it still sends is not read
      sendJson(response, JSON.stringify({ error: message }), status);
    };
    const refused = refusal(request, host);
    if (refused) return refuse(new Refused(refused.status, refused.why));
    answer(request, response).catch((error: unknown) => {
      refuse(error instanceof Refused ? error : new Refused(500, String(error)));
    });
  });
  let isReleased = false;
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    if (isReleased) socket.unref();
  });
  server.listen(port, host);
  await once(server, 'listening');
  const { address, family, port: taken } = server.address() as AddressInfo;
  const name = family === 'IPv6' ? `[${address}]` : address;
  return {
    url: `http://${name}:${taken}/${use ? `#${token}` : ''}`,
    release: () => {
      following.flush();
      isReleased = true;
      server.unref();
      for (const socket of sockets) socket.unref();
    },
    close: async () => {
      following.close();
      server.closeAllConnections();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}

function urlOf({ url = '/' }: IncomingMessage): URL {
  if (!URL.canParse(url, 'http://localhost')) throw new Refused(400, 'the path cannot be read');
  return new URL(url, 'http://localhost');
}
