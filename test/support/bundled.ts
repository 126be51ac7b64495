import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { build } from 'esbuild';

const folder = fileURLToPath(new URL('../../node_modules/.cache/gradstream', import.meta.url));

/** A test's program in one file that Node runs by itself, as a thread or a process: loading it from its source would take each of them a second. */
export async function bundled(program: URL): Promise<URL> {
  const outfile = join(folder, `${basename(program.pathname, '.ts')}-${process.pid}.mjs`);
  const common = { bundle: true, format: 'esm', platform: 'node', packages: 'external' } as const;
  await build({ ...common, entryPoints: [fileURLToPath(program)], outfile, logLevel: 'warning', target: 'es2023' });
  return pathToFileURL(outfile);
}
