import { copyFile, link, mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Device } from '../place.js';
import type { Report } from './downloadWheel.js';
import { fetchWheel } from './fetchWheel.js';
import { sizesIn } from './files.js';
import { InstallError } from './installError.js';

/** What to fetch, and how. */
export interface TensorflowOptions {
  readonly version: string;
  readonly device: Device;
  readonly downloads: string;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
}

/** Of TensorFlow's 11 000 headers the binding needs those of the C interface. */
const TENSORFLOW =
  /^tensorflow\/libtensorflow_\w+\.so|^tensorflow\/include\/(tensorflow\/c|tensorflow\/core\/platform|tsl\/(c|platform)|absl\/base|xla\/tsl\/c)\/|METADATA$/;
const CUDA = /^nvidia\/[^/]+\/lib\/[^/]+\.so|^nvidia\/cuda_nvcc\/(bin\/ptxas|nvvm\/libdevice\/)/;

/** The folders with TensorFlow and, for a GPU, the CUDA libraries that its wheel asks for: fetched, or kept from before. */
export async function fetchTensorflow({
  version,
  device,
  downloads,
  report,
  signal,
}: TensorflowOptions): Promise<string[]> {
  const name = device === 'gpu' ? 'tensorflow' : 'tensorflow-cpu';
  const fetch = (requirement: string, files: RegExp): Promise<string> =>
    fetchWheel({ requirement, files, downloads, report, signal });
  const tensorflow = await fetch(`${name}==${version}`, TENSORFLOW);
  if (device === 'cpu') return [tensorflow];
  const folders = [tensorflow];
  for (const requirement of await cudaRequirements(tensorflow)) folders.push(await fetch(requirement, CUDA));
  return folders;
}

/** What the wheel's extra `and-cuda` asks for. */
async function cudaRequirements(tensorflow: string): Promise<string[]> {
  const info = (await readdir(tensorflow)).find((entry) => entry.endsWith('.dist-info'))!;
  const metadata = await readFile(join(tensorflow, info, 'METADATA'), 'utf8');
  const found = [...metadata.matchAll(/^Requires-Dist: (nvidia-[^;]+?)\s*;.*and-cuda/gm)].map(([, needs]) => needs!);
  if (found.length === 0)
    throw new InstallError('this TensorFlow names no CUDA libraries', 'take a newer one: `--tensorflow 2.21.0`');
  return found;
}

/** Puts the libraries of fetched folders into a build: as links to the same bytes where they are on one disk, as copies elsewhere. */
export async function placeLibraries(fetched: readonly string[], build: string): Promise<void> {
  for (const folder of fetched) {
    for (const name of Object.keys(await sizesIn(folder))) {
      if (!/^(tensorflow\/lib|nvidia\/)/.test(name)) continue;
      const [from, to] = [join(folder, name), join(build, name)];
      await mkdir(dirname(to), { recursive: true });
      await link(from, to).catch(() => copyFile(from, to));
    }
  }
}
