// Writes dist/: a file for each entry of the package and chunks for what they share, since a hundred small modules take 50 ms to load and ten take 5.
// tsc writes the types beside them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

import { build } from 'esbuild';

import buildPage from './esbuild.page.js';

const { bin, browser, exports } = JSON.parse(readFileSync('package.json', 'utf8'));

const sourceOf = (built) => built.replace('./dist/', '').replace(/js$/, 'ts');
const entries = Object.values(exports).flatMap(({ default: built }) => (built && !built.includes('*') ? [built] : []));
const common = { outdir: 'dist', outbase: '.', format: 'esm', target: 'es2023', packages: 'external', metafile: true };

const { metafile } = await build({
  ...common,
  // What bundlers for browsers leave out is known by its name, so it stays a file of its own.
  entryPoints: [...entries, ...Object.values(bin), ...Object.keys(browser)].map(sourceOf),
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  legalComments: 'none',
  logLevel: 'warning',
});

// An operator by itself is handed out by what holds them all: a file of its own for each would cut those into more pieces than there are operators.
const operators = readdirSync('operators').filter((file) => file.endsWith('.ts') && file !== 'index.ts');
const single = await build({ ...common, entryPoints: operators.map((file) => `operators/${file}`), write: false });
const all = metafile.outputs['dist/operators/index.js'].exports;
for (const [file, { exports: names }] of Object.entries(single.metafile.outputs)) {
  const missing = names.filter((name) => !all.includes(name));
  if (missing.length > 0)
    throw new Error(`esbuild.config.js: ${file} exports ${missing.join()}, operators/index.ts does not`);
  writeFileSync(file, `export { ${names.join(', ')} } from './index.js';\n`);
}
await buildPage();
