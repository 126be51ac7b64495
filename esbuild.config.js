// Writes dist/: a file for each entry of the package and chunks for what they share, since a hundred small modules take 50 ms to load and ten take 5.
// tsc writes the types beside them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { build } from 'esbuild';

import buildPage from './esbuild.page.js';

const { bin, browser, exports } = JSON.parse(readFileSync('package.json', 'utf8'));

const sourceOf = (built) => built.replace('./dist/', '').replace(/js$/, 'ts');
const entries = Object.values(exports).flatMap(({ default: built }) => (built && !built.includes('*') ? [built] : []));
const common = { outdir: 'dist', outbase: '.', format: 'esm', target: 'es2023', packages: 'external', metafile: true };

// In Node rxjs is 220 small files, which take longer to load than all of ours: '#rxjs' stands there for the half of them that is used, the same modules (package.json, "imports").
const usedRxjs = {
  name: 'used rxjs',
  setup: ({ onResolve }) => onResolve({ filter: /^rxjs$/ }, () => ({ path: '#rxjs', external: true })),
};

const { metafile } = await build({
  ...common,
  plugins: [usedRxjs],
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

const written = Object.keys(metafile.outputs).map((file) => readFileSync(file, 'utf8'));
writeFileSync('dist/chunks/rxjs.cjs', facade(new Set(written.flatMap(namesOfRxjs))));
await buildPage();

/** What a module takes from rxjs. */
function namesOfRxjs(text) {
  const lists = [...text.matchAll(/import \{([^}]*)\} from "#rxjs"/g)].map(([, list]) => list);
  return lists.flatMap((list) => list.split(',').map((name) => name.trim().split(' as ')[0]));
}

/** A module that has what rxjs exports by these names, from the file in which rxjs itself finds each. */
function facade(names) {
  const require = createRequire(import.meta.url);
  const rxjs = require('rxjs');
  const files = Object.entries(require.cache).flatMap(([path, { exports }]) => {
    const [, file] = /rxjs[\\/]dist[\\/]cjs[\\/](internal[\\/].+)[.]js$/.exec(path) ?? [];
    return file ? [[`rxjs/${file.replaceAll('\\', '/')}`, exports]] : [];
  });
  const lines = [...names].sort().map((name) => {
    const [file] = files.find(([, exports]) => name in exports && exports[name] === rxjs[name]);
    return `exports.${name} = require('${file}').${name};\n`;
  });
  return lines.join('');
}
