import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { downloadWheel, type Report } from './downloadWheel.js';
import { sizesIn, type Sizes } from './files.js';
import { unpack } from './unpack.js';

/** What to fetch, and how. */
export interface WheelOptions {
  /** A requirement as pip takes it: 'tensorflow-cpu==2.21.0'. */
  readonly requirement: string;
  /** The files of the wheel that are needed. */
  readonly files: RegExp;
  /** Where it is kept, unpacked. */
  readonly downloads: string;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
}

/** The list of what was unpacked, beside it. */
const LIST = 'files.json';

/**
 * The folder with what is needed of a wheel; it is downloaded if it is not there yet or is not whole.
 *
 * What was downloaded and unpacked is moved into place whole, with a list of its files and their sizes.
 *
 * @throws {@link InstallError} (rejects) if it cannot be had.
 */
export async function fetchWheel({ requirement, files, downloads, report, signal }: WheelOptions): Promise<string> {
  const kept = join(downloads, `${requirement.replaceAll(/[^\w.]+/g, '-')}-${process.arch}`);
  report(requirement, 0, undefined);
  if (await isWhole(kept, files)) return kept;

  const partial = `${kept}.partial`;
  const download = join(partial, 'download');
  try {
    await rm(partial, { recursive: true, force: true }); // of an install that was killed
    await mkdir(download, { recursive: true });
    await unpack(await downloadWheel(requirement, download, report, signal), partial, files, signal);
    await rm(download, { recursive: true });
    await writeFile(join(partial, LIST), JSON.stringify({ pattern: files.source, sizes: await sizesIn(partial) }));
    await rm(kept, { recursive: true, force: true });
    await rename(partial, kept);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return kept;
}

/** Whether a folder has all that the pattern takes of the wheel, at full length. */
async function isWhole(folder: string, files: RegExp): Promise<boolean> {
  try {
    const list = JSON.parse(await readFile(join(folder, LIST), 'utf8')) as { pattern: string; sizes: Sizes };
    const found = await sizesIn(folder);
    return list.pattern === files.source && Object.entries(list.sizes).every(([file, size]) => found[file] === size);
  } catch {
    return false;
  }
}
