import type * as tf from '@tensorflow/tfjs';
import { of } from 'rxjs';

import { bindCompiler } from '../core/compiler.js';
import { ArgumentError, EngineError, messageOf } from '../core/errors.js';
import { bindTensors } from '../core/tensors.js';
import type { Opened } from './opened.js';
import { seededDraws } from './seededDraws.js';
import { variableGradsOf } from './variableGrads.js';

/** What an engine is called. */
export type EngineName = 'node' | 'webgpu' | 'wasm' | 'cpu';

/** Options of {@link engine}. */
export interface EngineOptions {
  /** For `node`: what to compute on. A GPU that was asked for is used, or refused with what could not be loaded. */
  readonly device?: 'cpu' | 'gpu';
  /** For `wasm` in a browser: the folder that its .wasm files are served from; beside the page, unless given. */
  readonly wasmPath?: string;
  /** For `wasm` in Node: 1 unless given; more pay off for convolutions and large layers only. Browsers choose, and refuse it. */
  readonly threads?: number;
}

/** A chosen engine: what it is, what it runs on, why it was chosen, and its TensorFlow.js. */
export interface Engine extends Opened {
  readonly name: EngineName;
  /** Why it and no better one: asked for, or what the better ones lack. */
  readonly why: string;
}

/** How each is opened; what it needs is imported only then. */
const OPENERS: Readonly<Record<EngineName, (options: EngineOptions) => Promise<Opened>>> = {
  node: async (options) => {
    // In a browser's bundle the module is left out (package.json, "browser").
    const { openNode } = (await import('./node/node.js')) as Partial<typeof import('./node/node.js')>;
    if (!openNode) throw new EngineError('it needs Node');
    return openNode(options);
  },
  webgpu: async () => (await import('./webgpu/webgpu.js')).openWebgpu(),
  wasm: async (options) => (await import('./wasm/wasm.js')).openWasm(options),
  cpu: async () => (await import('./cpu/cpu.js')).openCpu(),
};

/** The best first; in Node, WebGPU is there to be asked for: it spends its time in dispatching small ops. */
const PREFERRED: Readonly<Record<'node' | 'browser', readonly EngineName[]>> = {
  node: ['node', 'wasm', 'cpu'],
  browser: ['webgpu', 'wasm', 'cpu'],
};

/**
 * Chooses the engine that everything computes with; await it once, before anything is computed.
 *
 * By name it gives that one, or an error that says what is missing: it never falls back. 'auto' takes the best that works here and says in `why`
 * what the better ones lack.
 *
 * | engine | where | how it is got |
 * | --- | --- | --- |
 * | `node` | native TensorFlow in Node, on the CPU or an NVIDIA GPU | `npx gradstream native install` |
 * | `webgpu` | browsers; Node by the package `webgpu` | `npm install @tensorflow/tfjs-backend-webgpu webgpu` |
 * | `wasm` | Node and browsers | comes along |
 * | `cpu` | the reference, slow | comes along |
 *
 * @example
 * ```ts
 * const { tf, name, why } = await engine('auto');
 * console.log(`${name}: ${why}`);
 * ```
 *
 * @throws {@link ArgumentError} (rejects) if there is no engine of that name; {@link EngineError}, if it cannot run here.
 */
export async function engine(name: EngineName | 'auto', options: EngineOptions = {}): Promise<Engine> {
  if (name === 'auto') return best(options);
  if (!Object.hasOwn(OPENERS, name)) {
    const known = ['auto', ...Object.keys(OPENERS)].join(', ');
    throw new ArgumentError(`engine: the name must be one of ${known}, received '${name as string}'`);
  }
  try {
    const opened = await OPENERS[name](options);
    bind(opened.tf, () => ({ engine: name, device: opened.about }));
    bindCompiler(opened.compileStep);
    return { name, why: 'asked for', ...opened };
  } catch (cause) {
    throw new EngineError(`engine: '${name}' must run here, but ${messageOf(cause)}`, { cause });
  }
}

/** The first that opens; what the others said is the reason. */
async function best(options: EngineOptions): Promise<Engine> {
  const reasons: string[] = [];
  for (const name of PREFERRED['process' in globalThis ? 'node' : 'browser']) {
    try {
      const opened = await engine(name, options);
      if (opened.about.endsWith('software, slow')) {
        opened.close?.();
        throw new EngineError(`'${name}' runs on ${opened.about}`);
      }
      return { ...opened, why: reasons.join('; ') || 'the best there is here' };
    } catch (error) {
      // A GPU that was asked for is not to be done without.
      if (options.device === 'gpu') throw error;
      reasons.push(messageOf(error).replace('engine: ', ''));
    }
  }
  throw new EngineError(`engine: no engine runs here: ${reasons.join('; ')}`);
}

/**
 * Computes with a TensorFlow.js that you have set up yourself, on whatever backend it is set to.
 *
 * `engine()` does it for you; use this one in an app that already has its own backend.
 */
export function useTensorFlow(library: typeof tf): void {
  bind(library, () => ({ engine: library.getBackend() }));
}

function bind(library: typeof tf, about: () => Readonly<Record<string, string>>): void {
  bindTensors({
    ...library,
    about: () => ({ ...about(), '@tensorflow/tfjs': library.version_core }),
    seededDraws,
    variableGrads: variableGradsOf(library),
    read: (tensor) =>
      isAsynchronous(library.getBackend())
        ? tensor.data().then((values) => ownValues(library, tensor, values))
        : of(ownValues(library, tensor, tensor.dataSync())),
  });
}

/** What has been read of a tensor; a copy, if the backend has handed out what it holds itself. */
function ownValues(library: typeof tf, { dataId }: tf.Tensor, values: tf.TypedArray): tf.TypedArray {
  type Kept = { get(dataId: object): { readonly values?: unknown } | undefined };
  const { data, tensorMap, texData } = library.backend() as unknown as Partial<
    Record<'data' | 'tensorMap' | 'texData', Kept>
  >;
  return (data ?? tensorMap ?? texData)?.get(dataId)?.values === values ? values.slice() : values;
}

/** Whether results lie on a device that works on its own time; elsewhere they are at hand, and a promise would only delay them. */
function isAsynchronous(backend: string): boolean {
  return backend === 'webgpu' || backend === 'webgl';
}
