import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { loadQuietly } from '../loadQuietly.js';
import { downloadsFolder, findBuild, nativeFolder, type Build, type Device } from '../place.js';
import { compileBinding } from './compileBinding.js';
import { BINDING, fetchPackages } from './fetchPackages.js';
import { fetchTensorflow, placeLibraries } from './fetchTensorflow.js';
import { diskFull, InstallError } from './installError.js';
import { withLock } from './lock.js';
import { checkRequirements, wheelPlatforms } from './requirements.js';

/** Options of {@link installNative}. */
export interface InstallOptions {
  readonly device: Device;
  /** TensorFlow's version, as on PyPI. */
  readonly tensorflow: string;
  readonly native?: string;
  readonly downloads?: string;
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

const STEPS = 6;

/**
 * Builds native TensorFlow for the project: TensorFlow from PyPI, `@tensorflow/tfjs-node-gpu` from npm, one compiler call, and a product of two matrices
 * as a proof.
 *
 * The build is made in a folder beside its place and moved there when it has proved itself, so that one that was interrupted is never used.
 *
 * @throws {@link InstallError} (rejects) with what to install or to do.
 */
export async function installNative(options: InstallOptions): Promise<Installed> {
  const { device, tensorflow, native = nativeFolder(), downloads = downloadsFolder(), signal } = options;
  wheelPlatforms();
  const asked: Build = { tensorflow, device, platform: process.platform, arch: process.arch, binding: BINDING };
  const folder = join(native, device);
  const report = (step: number, what: string, more: object = {}): void => {
    signal?.throwIfAborted();
    options.report?.({ step, steps: STEPS, what, ...more });
  };
  await Promise.all([mkdir(native, { recursive: true }), mkdir(downloads, { recursive: true })]);

  return withLock(native, () => withLock(downloads, async () => {
    report(1, 'looking at what is there');
    await sweep(native);
    if (JSON.stringify(findBuild(native, device)) === JSON.stringify(asked)) {
      const { result } = await loadQuietly(folder, {}, signal);
      if (result) return { ...asked, folder, before: true, gpu: result.gpu };
    }
    await checkRequirements(device, [native, downloads], signal);

    const staging = join(native, `${STAGING}${process.pid}`);
    await mkdir(staging);
    try {
      const fetched = await fetchTensorflow({
        version: tensorflow,
        device,
        downloads,
        report: (what) => {
          report(2, what);
          return (megabytes, ofMegabytes) => report(2, what, { megabytes, ofMegabytes });
        },
        signal,
      });
      await placeLibraries(fetched, staging);
      report(3, `@tensorflow/tfjs-node-gpu ${BINDING}`);
      await fetchPackages(staging, signal);
      report(4, 'compiling the binding');
      await compileBinding(staging, fetched[0]!, signal);
      report(5, 'computing with it');
      const { result, log } = await loadQuietly(staging, {}, signal);
      if (!result)
        throw new InstallError(`what was built does not work:\n  ${log.trim()}\n`, 'this TensorFlow does not fit: try `--tensorflow 2.21.0`');
      report(6, 'moving it into place');
      await writeFile(join(staging, 'build.json'), JSON.stringify(asked));
      await rm(folder, { recursive: true, force: true });
      await rename(staging, folder);
      return { ...asked, folder, before: false, gpu: result.gpu };
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'ENOSPC' ? diskFull(native, error) : error;
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }));
}

const STAGING = '.staging-';

/** Removes what an interrupted install has left. */
async function sweep(native: string): Promise<void> {
  const left = (await readdir(native)).filter((name) => name.startsWith(STAGING));
  await Promise.all(left.map((name) => rm(join(native, name), { recursive: true, force: true })));
}
