import type * as tf from '@tensorflow/tfjs';

type Backends = Pick<typeof import('@tensorflow/tfjs-backend-wasm'), 'BackendWasm' | 'setThreadsCount'>;
type Imports = { env: Record<string, unknown> };
type Module = {
  cwrap(name: string, result: string | null, parameters: string[]): (...values: number[]) => number;
  tfjs?: object;
  readonly PThread: { readonly runningWorkers: { unref(): void }[]; readonly unusedWorkers: { unref(): void }[] };
};
type Factory = (options: object) => Promise<Module>;

/** The functions of the compiled code that TensorFlow.js's backend calls by these names. */
const BRIDGE = {
  init: ['init', null, 0],
  initWithThreadsCount: ['init_with_threads_count', null, 1],
  getThreadsCount: ['get_threads_count', 'number', 0],
  registerTensor: ['register_tensor', null, 3],
  disposeData: ['dispose_data', null, 1],
  dispose: ['dispose', null, 0],
} as const;

/**
 * Lets wasm compute with several threads in Node, too.
 *
 * TensorFlow.js has its threaded build for browsers only: it hands its workers their code as blobs, which Node's workers do not load. Here they get it
 * as a data URL; they are asleep between products and do not keep the process alive.
 */
export async function useThreads(library: typeof tf, backends: Backends, threads: number): Promise<void> {
  const { createRequire } = await import('node:module');
  const { readFile } = await import('node:fs/promises');
  const require = createRequire(import.meta.url);
  const build = '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd';
  const main = require.resolve(`${build}.js`);
  const code = (require(`${build}.worker.js`) as { wasmWorkerContents: string }).wasmWorkerContents;
  const worker = `
    import { createRequire } from 'node:module';
    const [__filename, require] = [${JSON.stringify(main)}, createRequire(${JSON.stringify(main)})];
    ${code.replaceAll('\n', '\\n')}`; // line ends stand inside its strings
  const binary = await readFile(require.resolve(`${build}.wasm`));

  library.removeBackend('wasm');
  library.registerBackend('wasm', async () => {
    const module = await (require(`${build}.js`) as Factory)({
      mainScriptUrlOrBlob: main,
      locateFile: () => new URL(`data:text/javascript,${encodeURIComponent(worker)}`),
      instantiateWasm: (
        imports: Imports,
        receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
      ) => {
        // It takes at most half as many threads as it is told there are cores.
        imports.env['emscripten_num_logical_cores'] = () => 2 * threads;
        void WebAssembly.instantiate(binary, imports as never).then((done) => receive(done.instance, done.module));
        return {};
      },
    });
    module.tfjs = Object.fromEntries(
      Object.entries(BRIDGE).map(([name, [compiled, result, count]]) => [
        name,
        module.cwrap(compiled, result, Array<string>(count).fill('number')),
      ]),
    );
    backends.setThreadsCount(threads);
    const backend = new backends.BackendWasm(module as never);
    [...module.PThread.runningWorkers, ...module.PThread.unusedWorkers].forEach((thread) => thread.unref());
    return backend;
  });
}
