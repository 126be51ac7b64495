import { EngineError } from '../../core/errors.js';
import { missingDriver } from './gpu.js';
import { findBuild, RECIPE, type Build, type Device } from './place.js';

/** The command that builds, as messages give it. */
export const INSTALL = 'npx gradstream native install';

/**
 * The build to compute with: the one for the device that was asked for, else the GPU's before the CPU's. The GPU's can be asked to compute on the CPU.
 *
 * @throws {@link EngineError} with the command to run, if there is none, or it was made by another version or for another machine.
 */
export function chooseBuild(native: string, device: Device | undefined): Build {
  const [cpu, gpu] = [findBuild(native, 'cpu'), findBuild(native, 'gpu')];
  const build = device === 'cpu' ? (cpu ?? gpu) : device === 'gpu' ? gpu : (gpu ?? cpu);
  if (!build)
    throw new EngineError(device === 'gpu' ? noGpuBuild(cpu) : `TensorFlow is not installed: run \`${INSTALL}\``);
  if (build.recipe !== RECIPE)
    throw new EngineError(`TensorFlow was built by another version of gradstream: run \`${INSTALL}\` again`);
  if (build.platform === process.platform && build.arch === process.arch) return build;
  throw new EngineError(
    `TensorFlow was built for ${build.platform} ${build.arch}, and this is ${process.platform} ${process.arch}: run \`${INSTALL}\` here`,
  );
}

function noGpuBuild(cpu: Build | undefined): string {
  const what = cpu ? 'TensorFlow is installed for the CPU only' : 'TensorFlow is not installed';
  const driver = missingDriver();
  return `${what}: run \`${INSTALL} --gpu\`${driver ? `; and there is no NVIDIA driver: ${driver}` : ''}`;
}
