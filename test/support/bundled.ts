import { rmSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';
import { afterAll } from 'vitest';

/** Bundles a program of our source as the package is, so that its processes start in a third of the time; where it finds what the package needs. */
export async function bundled(source: URL): Promise<string> {
  const name = basename(source.pathname, '.ts');
  const outdir = fileURLToPath(
    new URL(`../../node_modules/.cache/gradstream/test-${name}-${process.pid}`, import.meta.url),
  );
  await build({
    entryPoints: [fileURLToPath(source)],
    outdir,
    format: 'esm',
    target: 'es2023',
    packages: 'external',
    bundle: true,
    splitting: true,
  });
  afterAll(() => rmSync(outdir, { recursive: true }));
  return `${outdir}/${name}.js`;
}
