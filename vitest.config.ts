import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    // Tests and examples import the package by its name; here that is the source.
    alias: [
      { find: /^gradstream$/, replacement: at('./src/index.ts') },
      { find: /^gradstream\/operators$/, replacement: at('./operators/index.ts') },
      { find: /^gradstream\/testing$/, replacement: at('./src/testing/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/setup.ts'],
    expect: { requireAssertions: true },
    testTimeout: 20_000,
  },
});
