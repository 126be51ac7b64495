import { messageOf } from '../../core/errors.js';

/** As much of the browser's `navigator.gpu` as an engine needs to see; TypeScript's own types have none yet. */
export interface Gpu {
  requestAdapter(options: { powerPreference: 'high-performance' }): Promise<Adapter | null>;
}

/** A GPU, or a driver that computes on the CPU. */
export interface Adapter {
  readonly info: {
    readonly vendor: string;
    readonly architecture: string;
    readonly description: string;
    readonly isFallbackAdapter?: boolean;
  };
}

/** Dawn, Chromium's WebGPU, as an npm package. */
interface Dawn {
  readonly create: (options: string[]) => Gpu;
  readonly globals: object;
}

const scope = globalThis as unknown as {
  navigator?: { gpu?: Gpu };
  process?: { versions?: { node?: string } };
};

/** What {@link provideGpu} has put into the global scope, until {@link withdrawGpu} takes it out. */
let provided: { gpu: Gpu; navigator: boolean } | undefined;

/** The browser's `navigator.gpu`; in Node that of the npm package `webgpu`, put where TensorFlow.js looks for it. */
export async function provideGpu(): Promise<Gpu> {
  if (scope.navigator?.gpu) return scope.navigator.gpu;
  if (!scope.process?.versions?.node)
    throw new Error('this browser has no WebGPU, or keeps it from pages that come neither by https nor from localhost');
  const { create, globals } = await loadDawn();
  const gpu = create([]);
  const navigator = !scope.navigator; // Node has its own from version 21 on.
  if (navigator) Object.defineProperty(scope, 'navigator', { value: {}, configurable: true });
  Object.defineProperty(scope.navigator, 'gpu', { value: gpu, configurable: true });
  Object.assign(globalThis, globals);
  provided = { gpu, navigator };
  return gpu;
}

/** Takes back what {@link provideGpu} provided; classes like GPUBuffer stay, tensors freed later ask for them. */
export function withdrawGpu(): void {
  if (!provided) return;
  if (provided.navigator) delete scope.navigator;
  else delete scope.navigator?.gpu;
  provided = undefined;
}

/** Loads the optional package by a name that bundlers for the browser do not see, and so do not look for. */
async function loadDawn(name = 'webgpu'): Promise<Dawn> {
  try {
    return (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as Dawn;
  } catch (cause) {
    throw new Error(`the package '${name}' must load (npm install ${name}): ${messageOf(cause)}`, { cause });
  }
}
