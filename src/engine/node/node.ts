import type * as tf from '@tensorflow/tfjs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { ArgumentError, EngineError, messageOf } from '../../core/errors.js';
import { compilerFor } from '../compile/compile.js';
import type { Opened } from '../opened.js';
import { chooseBuild, INSTALL } from './chooseBuild.js';
import { ENVIRONMENT } from './environment.js';
import { missingDriver, prepareGpu, whyNoGpu } from './gpu.js';
import type { Native } from './native.js';
import { nativeFolder, type Device } from './place.js';
import { registerNative } from './registerNative.js';
import { shimUtil } from './utilShim.js';

/** Options of {@link openNode}. */
export interface NodeOptions {
  /** What to compute on; unless given, what the installed TensorFlow was installed for. */
  readonly device?: Device;
}

let used: Device | undefined;

/**
 * Native TensorFlow, as `gradstream native install` has built it, on the CPU or on an NVIDIA GPU.
 *
 * A GPU that was asked for, or that the build was installed for, is used or refused with what could not be loaded; it never falls back to the CPU. One
 * process uses one device: where a launcher has started several on a machine, each takes the GPU of its local rank.
 *
 * @throws {@link ArgumentError} (rejects) if the device is neither 'cpu' nor 'gpu'.
 * @throws {@link EngineError} (rejects) if there is no build, it cannot be loaded, or there is no GPU.
 */
export async function openNode({ device }: NodeOptions = {}): Promise<Opened> {
  if (device !== undefined && device !== 'cpu' && device !== 'gpu')
    throw new ArgumentError(`device must be 'cpu' or 'gpu', received '${String(device)}'`);
  const build = chooseBuild(nativeFolder(), device);
  const wanted = device ?? build.device;
  if (used && used !== wanted)
    throw new EngineError(
      `this process has loaded TensorFlow for the ${used} already, and uses one device: start another process`,
    );
  const folder = join(nativeFolder(), build.device);
  prepare(folder, build.device, wanted);

  const { own, before } = current();
  const library = load(folder, own);
  used = wanted;
  registerNative(library);
  if (!(await library.setBackend('tensorflow'))) throw new EngineError('TensorFlow did not start');
  const { binding, isUsingGpuDevice } = library.backend() as Native;
  if (wanted === 'gpu' && !isUsingGpuDevice) {
    if (before) await own.setBackend(before);
    throw new EngineError(`TensorFlow uses no GPU: ${await whyNoGpu(folder)}; ${onCpu}`);
  }
  return {
    tf: library,
    about: `TensorFlow ${binding.TF_Version}, ${wanted.toUpperCase()}`,
    compileStep: compilerFor(library),
    liveHandles: () => binding.getNumOfTensors(),
  };
}

const onCpu = "to compute on the CPU, say so: { device: 'cpu' }";

/** The TensorFlow.js that gradstream computes with, and on what it does so far. */
function current(): { own: typeof tf; before: string | null } {
  const own = createRequire(import.meta.url)('@tensorflow/tfjs') as typeof tf;
  return { own, before: own.getBackend() };
}

/** Sets what TensorFlow reads from the environment when it is loaded. */
function prepare(folder: string, built: Device, wanted: Device): void {
  for (const [name, value] of Object.entries(ENVIRONMENT)) process.env[name] ??= value;
  if (wanted === 'gpu') {
    const missing = missingDriver();
    if (missing) throw new EngineError(`there is no NVIDIA driver: ${missing}; ${onCpu}`);
    prepareGpu(folder);
  } else if (built === 'gpu') process.env['CUDA_VISIBLE_DEVICES'] = '-1';
}

/** Loads the binding's package; it must find the TensorFlow.js that gradstream computes with. */
function load(folder: string, own: typeof tf): typeof tf {
  shimUtil();
  let library;
  try {
    library = createRequire(join(folder, 'node_modules', 'index.js'))('@tensorflow/tfjs-node-gpu') as typeof tf;
  } catch (cause) {
    throw new EngineError(`TensorFlow could not be loaded: ${messageOf(cause)}; run \`${INSTALL}\` again`, { cause });
  }
  if (library.tensor === own.tensor) return library; // the engine is global, the classes are not
  throw new EngineError(`TensorFlow has loaded a second copy of @tensorflow/tfjs: run \`${INSTALL}\` again`);
}
