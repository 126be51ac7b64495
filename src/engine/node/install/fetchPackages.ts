import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { TOOLS } from './requirements.js';
import { runTool } from './runTool.js';
import { unpack } from './unpack.js';

/** The package that is built. */
export const BINDING = '4.22.0';

/** What it needs at run time, besides TensorFlow.js; and Node's headers, of which it uses Node-API only. */
const DEPENDENCIES = { 'google-protobuf': '3.21.4', progress: '2.0.3', 'node-api-headers': '1.9.0' };

// It asks node-pre-gyp for one thing, where the addon is; the real one brings fifty packages along to say so.
const PRE_GYP = `exports.find = (manifest) => require('node:path').join(manifest, '../lib/napi-v8/tfjs_binding.node');\n`;

/**
 * Fetches `@tensorflow/tfjs-node-gpu` without running its install script, and what it needs, by npm.
 *
 * `@tensorflow/tfjs` is left out on purpose: it must be the project's own.
 *
 * @throws {@link InstallError} (rejects) with npm's own words, if they cannot be had.
 */
export async function fetchPackages(build: string, signal?: AbortSignal): Promise<void> {
  const npm = (...args: string[]): Promise<string> =>
    runTool(TOOLS.npm.command, args, {
      cwd: build,
      missing: TOOLS.npm.missing,
      failing: 'check the network and the registry that npm is set to, and run the command again',
      signal,
    });
  await writeFile(join(build, 'package.json'), JSON.stringify({ private: true, dependencies: DEPENDENCIES }));
  await npm(
    'install',
    '--prefix',
    '.',
    '--ignore-scripts',
    '--prefer-offline',
    '--no-package-lock',
    '--no-audit',
    '--no-fund',
  );
  await npm('pack', `@tensorflow/tfjs-node-gpu@${BINDING}`, '--ignore-scripts', '--prefer-offline');

  const tarball = (await readdir(build)).find((name) => name.endsWith('.tgz'))!;
  await unpack(join(build, tarball), build, /^package\/(dist|binding|package\.json)(?!.*_test\.)/, signal);
  await rm(join(build, tarball));
  await mkdir(join(build, 'node_modules/@tensorflow'), { recursive: true });
  await rename(join(build, 'package'), join(build, 'node_modules/@tensorflow/tfjs-node-gpu'));
  await mkdir(join(build, 'node_modules/@mapbox/node-pre-gyp'), { recursive: true });
  await writeFile(join(build, 'node_modules/@mapbox/node-pre-gyp/index.js'), PRE_GYP);
}
