import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { loadQuietly } from '../loadQuietly.js';
import { downloadsFolder, findBuild, nativeFolder, RECIPE, type Build, type Device } from '../place.js';
import { compileBinding } from './compileBinding.js';
import { BINDING, fetchPackages } from './fetchPackages.js';
import { fetchTensorflow, placeLibraries } from './fetchTensorflow.js';
import { explained, InstallError } from './installError.js';
import { withLock } from './lock.js';
import { checkRequirements, wheelPlatforms } from './requirements.js';

/** Options of {@link installNative}. */
export interface InstallOptions {
  readonly device: Device;
  /** TensorFlow's version, as on PyPI. */
  readonly tensorflow: string;
  /** Where builds lie; the project's own folder unless given. */
  readonly native?: string;
  /** Where downloads are kept; the user's own folder unless given. */
  readonly downloads?: string;
  /** Stops it. */
  readonly signal?: AbortSignal;
  /** Hears what is under way. */
  readonly report?: (progress: Progress) => void;
}

/** How far an install is. */
export interface Progress {
  readonly step: number;
  readonly steps: number;
  readonly what: string;
  readonly megabytes?: number;
  readonly ofMegabytes?: number | undefined;
}

/** What an install has come to. */
export interface Installed extends Build {
  readonly folder: string;
  /** Whether it was there before. */
  readonly before: boolean;
  /** Whether it uses a GPU here; a build for GPUs may be made on a machine without. */
  readonly gpu: boolean;
}

type Tell = (step: number, what: string, more?: Partial<Progress>) => void;

const STEPS = 6;
const STAGING = '.staging-';

/**
 * Builds native TensorFlow for the project: TensorFlow from PyPI, `@tensorflow/tfjs-node-gpu` from npm, one call of the compiler, and a product of
 * two matrices as the proof.
 *
 * It is built in a folder beside its place and moved there when it has proved itself, so that a build that was interrupted is never used, and one
 * that was there before is kept until then.
 *
 * @throws {@link InstallError} (rejects) with what to install or to do.
 */
export async function installNative(options: InstallOptions): Promise<Installed> {
  const { device, tensorflow, native = nativeFolder(), downloads = downloadsFolder(), signal } = options;
  wheelPlatforms();
  const { platform, arch } = process;
  const build: Build = { tensorflow, device, platform, arch, binding: BINDING, recipe: RECIPE };
  const tell: Tell = (step, what, more) => options.report?.({ step, steps: STEPS, what, ...more });
  try {
    await Promise.all([native, downloads].map((folder) => mkdir(folder, { recursive: true })));
    return await withLock(native, () =>
      withLock(downloads, async () => {
        tell(1, 'looking at what is there');
        return (await installed(build, native, signal)) ?? (await install(build, native, downloads, tell, signal));
      }),
    );
  } catch (error) {
    throw explained(error, native);
  }
}

/** The build, if it is there already and works. */
async function installed(build: Build, native: string, signal?: AbortSignal): Promise<Installed | undefined> {
  if (JSON.stringify(findBuild(native, build.device)) !== JSON.stringify(build)) return undefined;
  const folder = join(native, build.device);
  const { result } = await loadQuietly(folder, {}, signal);
  return result && { ...build, folder, before: true, gpu: result.gpu };
}

async function install(
  build: Build,
  native: string,
  downloads: string,
  tell: Tell,
  signal?: AbortSignal,
): Promise<Installed> {
  const left = (await readdir(native)).filter((name) => name.startsWith(STAGING));
  await Promise.all(left.map((name) => rm(join(native, name), { recursive: true, force: true })));
  await checkRequirements(build.device, [native, downloads], signal);

  const folder = join(native, build.device);
  const staging = join(native, `${STAGING}${process.pid}`);
  await mkdir(staging);
  try {
    const fetched = await fetchTensorflow({
      version: build.tensorflow,
      device: build.device,
      downloads,
      report: (what, megabytes, ofMegabytes) => tell(2, what, { megabytes, ofMegabytes }),
      signal,
    });
    await placeLibraries(fetched, staging);
    tell(3, `@tensorflow/tfjs-node-gpu ${BINDING}`);
    await fetchPackages(staging, signal);
    tell(4, 'compiling the binding');
    await compileBinding(staging, fetched[0]!, signal);
    tell(5, 'computing with it');
    const { result, log } = await loadQuietly(staging, {}, signal);
    if (!result) throw new InstallError('what was built does not work', 'try `--tensorflow 2.21.0`', { said: log });
    signal?.throwIfAborted();
    tell(6, 'moving it into place');
    await writeFile(join(staging, 'build.json'), JSON.stringify(build));
    await rm(folder, { recursive: true, force: true });
    await rename(staging, folder);
    return { ...build, folder, before: false, gpu: result.gpu };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
