import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { build, type BuildResult } from 'esbuild';

import type { Report } from './report.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const wasm = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json');

/** The page and the package, as an app's bundler makes them. */
export function bundle(): Promise<BuildResult<{ write: false; metafile: true }>> {
  return build({
    absWorkingDir: root,
    entryPoints: ['test/browser/page.ts'],
    outdir: '/app',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
    metafile: true,
    write: false,
  });
}

/** A web server for the bundled page, with TensorFlow.js's .wasm files beside it. */
export interface Site {
  readonly url: string;
  /** What a page posts next. */
  report(): Promise<Report>;
  close(): void;
}

export async function serve({ outputFiles }: Awaited<ReturnType<typeof bundle>>): Promise<Site> {
  const scripts = new Map(outputFiles.map(({ path, contents }) => [path.split('/').at(-1), contents]));
  const html =
    '<!doctype html><title>gradstream</title><link rel="icon" href="data:,"><script type="module" src="page.js"></script>';
  let take: (report: Report) => void = () => undefined;

  const server = createServer((request, response) => {
    const name = request.url!.replace(/[?].*/, '').split('/').at(-1)!;
    const send = (type: string, body: string | Uint8Array): void => {
      response.setHeader('content-type', type);
      response.end(body);
    };
    if (request.method === 'POST')
      void text(request).then((body) => (take(JSON.parse(body) as Report), send('text/plain', '')));
    else if (name === '') send('text/html', html);
    else if (name.endsWith('.wasm'))
      send('application/wasm', readFileSync(wasm.replace('package.json', `dist/${name}`)));
    else send('text/javascript', scripts.get(name)!);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    report: () => new Promise((resolve) => (take = resolve)),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
