// Bundles the dashboard's page into dist/, from where it is served; for tests, too, which run the rest from its source.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

export default async function buildPage() {
  await build({
    absWorkingDir: dirname(fileURLToPath(import.meta.url)),
    entryPoints: ['page.ts', 'page.css', 'index.html'].map((name) => `src/dashboard/page/${name}`),
    outdir: 'dist/src/dashboard/page',
    loader: { '.html': 'copy' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'warning',
  });
}
