import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';

import { build } from 'esbuild';

const require = createRequire(import.meta.url);

/** What a backend is called where the tests choose theirs. */
export interface TestEnvironment {
  readonly name: string;
  readonly backendName: string;
  readonly isDataSync: boolean;
}

/**
 * Declares TensorFlow.js's own tests to jasmine.
 *
 * They are published as modules that import what they test from files beside them; bundled, they bring a second copy of the library, which shares
 * its engine, flags and kernels with the first by way of globals.
 */
export async function declareTests(environment: TestEnvironment): Promise<void> {
  const core = require.resolve('@tensorflow/tfjs-core/package.json').replace(/package\.json$/, 'dist');
  const { outputFiles } = await build({
    stdin: {
      contents: `
        const { setTestEnvs } = require('./jasmine_util');
        setTestEnvs([environment]);
        require('./tests');`,
      resolveDir: core,
    },
    bundle: true,
    ignoreAnnotations: true, // the package says that its tests have no side effects
    write: false,
    format: 'cjs',
    platform: 'node',
    mainFields: ['module', 'main'],
    packages: 'external',
    logLevel: 'error',
  });
  const run = compileFunction(outputFiles[0]!.text, ['require', 'module', 'exports', 'environment']) as (
    ...values: unknown[]
  ) => void;
  run(require, { exports: {} }, {}, environment);
}
