import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { context } from 'esbuild';

/** Bundles the scripts of a page's folder and serves them with its index.html, and with TensorFlow.js's .wasm files beside it. */
export async function servePage(folder: string, scripts: readonly string[], nodePaths: string[] = []) {
  const wasm = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'));
  const kinds = ['', '-simd', '-threaded-simd'];
  const bundler = await context({
    entryPoints: [
      ...scripts.map((script) => join(folder, script)),
      ...kinds.map((kind) => join(wasm, `tfjs-backend-wasm${kind}.wasm`)),
    ],
    ...{ outdir: folder, entryNames: '[name]', bundle: true, splitting: true, format: 'esm', target: 'es2022' },
    ...{ loader: { '.wasm': 'copy' }, jsx: 'automatic', define: { 'process.env.NODE_ENV': '"development"' } },
    ...{ logLevel: 'error', write: false, nodePaths, tsconfigRaw: {} }, // ours leads to the sources, not to what is built
  });
  const { port } = await bundler.serve({ servedir: folder, host: '127.0.0.1', port: 0 });
  return { url: `http://127.0.0.1:${port}/`, stop: () => bundler.dispose() };
}
