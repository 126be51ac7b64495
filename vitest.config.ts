import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('.', import.meta.url));
const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  exports: Record<string, string | { default: string }>;
};

// Tests and examples import the package by its name; here that is the source: 'gradstream/data' is src/data/index.ts.
const alias = Object.entries(exports).flatMap(([entry, target]) => {
  if (typeof target === 'string') return [];
  const name = `^gradstream${entry.slice(1).replace('*', '(.+)')}$`;
  const source = target.default.replace('./dist/', root).replace(/js$/, 'ts').replace('*', '$1');
  return { find: new RegExp(name), replacement: source };
});

const inProcess = { setupFiles: ['test/support/setup.ts'], testTimeout: 20_000 };
/** What runs from its source serves the page from dist/. */
const globalSetup = ['esbuild.page.js'];
const native = ['test/engine/node/**', 'test/engine/compile/**'];
const apart = ['test/package/**', ...native, 'test/engine/webgpu/**', 'test/browser/**'];
/** What puts something else in the place of a module; these files have a process each. The others share theirs, and load TensorFlow.js once. */
const mocking = readdirSync(`${root}test`, { recursive: true, encoding: 'utf8' })
  .map((file) => `test/${file}`)
  .filter(
    (file) => file.endsWith('.test.ts') && /vi\.(mock|doMock|resetModules)\(/.test(readFileSync(root + file, 'utf8')),
  );

export default defineConfig({
  test: {
    expect: { requireAssertions: true },
    maxWorkers: '100%', // one less than there are cores unless given: half of two
    projects: [
      {
        extends: true,
        resolve: { alias },
        test: {
          ...inProcess,
          globalSetup,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...apart, ...mocking],
          isolate: false,
        },
      },
      {
        extends: true,
        resolve: { alias },
        test: { ...inProcess, name: 'mocking', include: mocking, exclude: apart },
      },
      // What needs more than npm gives: each says how to get it, is skipped without it, and fails without it in CI.
      {
        extends: true,
        resolve: { alias },
        test: { ...inProcess, name: 'native', include: native.map((folder) => `${folder}/*.test.ts`) },
      },
      {
        extends: true,
        resolve: { alias },
        test: { ...inProcess, name: 'webgpu', include: ['test/engine/webgpu/**/*.test.ts'] },
      },
      {
        extends: true,
        resolve: { alias },
        test: {
          globalSetup,
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        // What is built and packed; slow, so only on `npm run check:package`.
        test: { name: 'package', include: ['test/package/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 300_000 },
      },
    ],
  },
});
