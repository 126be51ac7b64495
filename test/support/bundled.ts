import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const made = new Map<string, Promise<string>>();

/**
 * Bundles a program of our source as the package is, so that its threads and processes start in a third of the time; within the package, where it finds
 * what that needs, and itself.
 */
export function bundled(source: URL): Promise<string> {
  const existing = made.get(source.href);
  if (existing) return existing;
  const making = bundle(source);
  made.set(source.href, making);
  return making;
}

async function bundle(source: URL): Promise<string> {
  const name = basename(source.pathname, '.ts');
  const folder = new URL(`../.bundled/${name}-${process.pid}-${made.size}/`, import.meta.url);
  const outdir = fileURLToPath(folder);
  process.once('exit', () => rmSync(outdir, { recursive: true, force: true }));
  await build({
    entryPoints: [fileURLToPath(source)],
    outdir,
    format: 'esm',
    target: 'es2023',
    platform: 'node',
    packages: 'external',
    bundle: true,
    splitting: true,
  });
  return join(outdir, `${name}.js`);
}
