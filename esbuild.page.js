// Bundles the dashboard's page into dist/, from where it is served; for tests, too, which run the rest from its source.
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

export default async function buildPage() {
  await build({
    entryPoints: ['page.ts', 'page.css', 'index.html'].map((name) => at(`src/dashboard/page/${name}`)),
    outdir: at('dist/src/dashboard/page'),
    loader: { '.html': 'copy' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'warning',
  });
}
