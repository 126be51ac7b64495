import type * as tf from '@tensorflow/tfjs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { ArgumentError, EngineError, messageOf } from '../../core/errors.js';
import type { Opened } from '../opened.js';
import { missingDriver, prepareGpu, whyNoGpu } from './gpu.js';
import { findBuild, nativeFolder, type Build, type Device } from './place.js';
import { shimUtil } from './utilShim.js';

/** Options of {@link openNode}. */
export interface NodeOptions {
  /** What to compute on; unless given, what the installed TensorFlow was installed for. */
  readonly device?: Device;
}

type Native = tf.KernelBackend & {
  readonly isUsingGpuDevice: boolean;
  readonly binding: { readonly TF_Version: string; getNumOfTensors(): number };
};

const INSTALL = 'npx gradstream native install';

let used: Device | undefined;

/**
 * Native TensorFlow, as `gradstream native install` has built it, on the CPU or on an NVIDIA GPU.
 *
 * A GPU that was asked for, or that the build was installed for, is used or refused with what could not be loaded; it never falls back to the CPU. One
 * process uses one device: where a launcher has started several on a machine, each takes the GPU of its local rank.
 *
 * @throws {@link EngineError} (rejects) if there is no build, it cannot be loaded, or there is no GPU.
 */
export async function openNode({ device }: NodeOptions = {}): Promise<Opened> {
  if (device !== undefined && device !== 'cpu' && device !== 'gpu')
    throw new ArgumentError(`node: device must be 'cpu' or 'gpu', received '${String(device)}'`);
  const native = nativeFolder();
  const build = chooseBuild(native, device);
  const wanted = device ?? build.device;
  if (used && used !== wanted)
    throw new EngineError(`this process computes on the ${used} already, and one process uses one device: start another`);

  const folder = join(native, build.device);
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  if (wanted === 'gpu') {
    const missing = missingDriver();
    if (missing) throw new EngineError(`there is no NVIDIA driver: ${missing}`);
    prepareGpu(folder);
  } else if (build.device === 'gpu') process.env['CUDA_VISIBLE_DEVICES'] = '-1';

  const library = load(folder);
  used = wanted;
  if (!(await library.setBackend('tensorflow'))) throw new EngineError('its backend could not be started');
  const { binding, isUsingGpuDevice } = library.backend() as Native;
  if (wanted === 'gpu' && !isUsingGpuDevice) {
    library.removeBackend('tensorflow');
    throw new EngineError(`TensorFlow uses no GPU: ${await whyNoGpu(folder)}`);
  }
  return {
    tf: library,
    about: `TensorFlow ${binding.TF_Version}, ${wanted.toUpperCase()}`,
    liveHandles: () => binding.getNumOfTensors(),
  };
}

/** The build for a device; the GPU's can compute on the CPU, too. */
function chooseBuild(native: string, device: Device | undefined): Build {
  const [cpu, gpu] = [findBuild(native, 'cpu'), findBuild(native, 'gpu')];
  const build = device === 'cpu' ? (cpu ?? gpu) : device === 'gpu' ? gpu : (gpu ?? cpu);
  if (!build) {
    const what = device === 'gpu' ? (cpu ? "only TensorFlow's CPU build is installed" : 'TensorFlow is not installed') : 'native TensorFlow is not installed';
    const driver = device === 'gpu' ? missingDriver() : undefined;
    throw new EngineError(
      `${what}: run \`${INSTALL}${device === 'gpu' ? ' --gpu' : ''}\`${driver ? `; and there is no NVIDIA driver: ${driver}` : ''}`,
    );
  }
  if (build.platform !== process.platform || build.arch !== process.arch)
    throw new EngineError(
      `it was built for ${build.platform} ${build.arch}, and this is ${process.platform} ${process.arch}: run \`${INSTALL}\` here`,
    );
  return build;
}

function load(folder: string): typeof tf {
  shimUtil();
  const require = createRequire(join(folder, 'node_modules', 'index.js'));
  try {
    const library = require('@tensorflow/tfjs-node-gpu') as typeof tf;
    const own = createRequire(import.meta.url)('@tensorflow/tfjs') as typeof tf;
    if (own.findBackend('tensorflow')) return library;
  } catch (cause) {
    throw new EngineError(`TensorFlow could not be loaded: ${messageOf(cause)}; run \`${INSTALL}\` again`, { cause });
  }
  throw new EngineError(`it has loaded another copy of @tensorflow/tfjs than gradstream's: run \`${INSTALL}\` again`);
}
