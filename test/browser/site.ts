import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { build, type BuildResult } from 'esbuild';

import type { Report } from './report.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { resolve } = createRequire(import.meta.url);

/** Bundles pages of this folder with the package as users get it: compiled file by file, found by package.json's entries. */
export async function bundler(): Promise<Bundler> {
  const app = mkdtempSync(join(tmpdir(), 'gradstream-app-'));
  const installed = join(app, 'node_modules/gradstream');
  cpSync(join(root, 'package.json'), join(installed, 'package.json'));
  await build({
    absWorkingDir: root,
    entryPoints: ['operators/*.ts', 'src/**/*.ts'],
    outbase: '.',
    outdir: join(installed, 'dist'),
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
  });

  const pages = join(app, 'browser');
  // What pages share with other tests, where they find it.
  cpSync(join(root, 'test/checkpoint/storeCases.ts'), join(app, 'checkpoint/storeCases.ts'));
  const bundle = (page: string): Promise<Bundle> => {
    cpSync(join(root, 'test/browser', page), join(pages, page));
    return build({
      absWorkingDir: pages,
      entryPoints: [page],
      outdir: pages,
      nodePaths: [join(root, 'node_modules')],
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      logLevel: 'silent',
      metafile: true,
      write: false,
    });
  };
  return { bundle, folder: app, remove: () => rmSync(app, { recursive: true }) };
}

/** An app with the package installed; bundles its pages. */
export interface Bundler {
  readonly bundle: (page: string) => Promise<Bundle>;
  readonly folder: string;
  readonly remove: () => void;
}

/** A page's scripts. */
export type Bundle = BuildResult<{ write: false; metafile: true }>;

/** A web server for the bundled page, with TensorFlow.js's .wasm files beside it. */
export interface Site {
  readonly url: string;
  /** What a page posts next. */
  report(): Promise<Report>;
  close(): void;
}

export async function serve({ outputFiles, metafile }: Bundle): Promise<Site> {
  const scripts = new Map(outputFiles.map(({ path, contents }) => [path.split('/').at(-1), contents]));
  // What is imported when it is needed is an entry point, too, from elsewhere.
  const entry = Object.keys(metafile.outputs).find((file) =>
    /^\w+\.ts$/.test(metafile.outputs[file]!.entryPoint ?? ''),
  );
  const html = `<!doctype html><title>gradstream</title><link rel="icon" href="data:,"><script type="module" src="${entry}"></script>`;
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
      send('application/wasm', readFileSync(resolve(`@tensorflow/tfjs-backend-wasm/dist/${name}`)));
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
