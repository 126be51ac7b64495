import type * as tf from '@tensorflow/tfjs';

import { messageOf } from '../../core/errors.js';
import type { Opened } from '../opened.js';
import { failReads, type WebgpuBackend } from './failReads.js';
import { provideGpu, withdrawGpu, type Gpu } from './provideGpu.js';

/** TensorFlow.js takes its backend's factory back when the backend is removed; it is put back when it is opened again. */
let factory: (() => tf.KernelBackend | Promise<tf.KernelBackend>) | null | undefined;

/**
 * TensorFlow.js on WebGPU: the browser's own, in Node that of the npm package `webgpu` (Dawn).
 *
 * Values are to be read asynchronously only; in Node `dataSync` throws.
 */
export async function openWebgpu(): Promise<Opened> {
  const library = await import('@tensorflow/tfjs');
  try {
    const about = await aboutAdapter(await provideGpu());
    await registerBackend(library);
    if (!(await library.setBackend('webgpu'))) throw new Error('TensorFlow.js could not start its webgpu backend');
    await library.ready();
    const backend = library.backend() as tf.KernelBackend & WebgpuBackend;
    failReads(backend);
    return { tf: library, about, liveHandles: () => backend.numDataIds(), close: () => close(library, backend) };
  } catch (cause) {
    withdrawGpu();
    throw cause;
  }
}

/** TensorFlow.js itself would go on without a GPU, on its cpu backend, so the adapter is asked for first. */
async function aboutAdapter(gpu: Gpu): Promise<string> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter)
    throw new Error(
      "no GPU was found: it needs one with a driver for Vulkan (on Linux the package libvulkan1, too), Metal or Direct3D 12; without one, use engine('wasm')",
    );
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  const names = [`${vendor} ${architecture}`.trim(), description, isFallbackAdapter ? 'software, slow' : ''];
  return names.filter((name) => name !== '').join(', ') || 'a GPU that does not say its name';
}

async function registerBackend(library: typeof tf): Promise<void> {
  try {
    await import('@tensorflow/tfjs-backend-webgpu');
  } catch (cause) {
    const name = '@tensorflow/tfjs-backend-webgpu';
    throw new Error(`the package '${name}' must load (npm install ${name}): ${messageOf(cause)}`, { cause });
  }
  factory ??= library.findBackendFactory('webgpu');
  if (!factory)
    throw new Error(
      "@tensorflow/tfjs-backend-webgpu was imported before there was a GPU for it to find: leave its import to engine('webgpu')",
    );
  if (!library.findBackendFactory('webgpu')) library.registerBackend('webgpu', factory, 3);
}

/** Frees the device and everything on it. */
function close(library: typeof tf, backend: WebgpuBackend): void {
  if (library.findBackend('webgpu') !== (backend as unknown)) return;
  library.removeBackend('webgpu');
  backend.device.destroy();
  withdrawGpu();
}
