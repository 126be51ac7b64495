import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** What TensorFlow computes on. */
export type Device = 'cpu' | 'gpu';

/** What a finished build says of itself, in `build.json`; it is written last. */
export interface Build {
  readonly tensorflow: string;
  readonly device: Device;
  readonly platform: string;
  readonly arch: string;
  /** The `@tensorflow/tfjs-node-gpu` that it was made of. */
  readonly binding: string;
  /** What has been compiled beside the binding: {@link RECIPE} of the gradstream that made it. */
  readonly recipe: number;
}

/** Goes up when what is compiled beside the binding changes: a build of another has to be made again. */
export const RECIPE = 2;

/**
 * Where the builds of native TensorFlow lie, one folder for each device: `node_modules/.cache/gradstream/native`.
 *
 * It is the `node_modules` that holds the `@tensorflow/tfjs` which gradstream computes with, so that the binding, which requires that package
 * by its name, finds the very same copy: with two of them its backend would be registered where nobody looks.
 */
export function nativeFolder(): string {
  const library = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs/package.json'));
  return join(library, '..', '..', '.cache', 'gradstream', 'native');
}

/** Where what was downloaded is kept, unpacked, for all projects of a user. */
export function downloadsFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'gradstream');
}

/** The build for a device, or nothing if there is none. */
export function findBuild(native: string, device: Device): Build | undefined {
  try {
    return JSON.parse(readFileSync(join(native, device, 'build.json'), 'utf8')) as Build;
  } catch {
    return undefined;
  }
}
