import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { TOOLS, wheelPlatforms } from './requirements.js';
import { runTool } from './runTool.js';
import { unpack } from './unpack.js';

/** Hears what is under way, again and again. */
export type Report = (what: string, megabytes: number, ofMegabytes: number | undefined) => void;

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

/** A Python whose wheels every TensorFlow from 2.12 to 2.21 has; no Python code of theirs is run. */
const PYTHON = ['--implementation', 'cp', '--python-version', '3.11', '--abi', 'cp311', '--only-binary', ':all:'];
const POLL_MS = 500;
const LIST = 'files.json';

type Sizes = Record<string, number>;

/**
 * The folder with what is needed of a wheel; it is downloaded if it is not there yet or is incomplete.
 *
 * pip checks the hash of what it downloads; what is unpacked is moved into place whole, with a list of the files and their sizes.
 *
 * @throws {@link InstallError} (rejects) with pip's own words, if it cannot be had.
 */
export async function fetchWheel({ requirement, files, downloads, report, signal }: WheelOptions): Promise<string> {
  const kept = join(downloads, `${requirement.replaceAll(/[^\w.]+/g, '-')}-${process.arch}`);
  if (await isWhole(kept, files)) return kept;

  report(requirement, 0, undefined);
  const partial = `${kept}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(join(partial, 'pip'), { recursive: true });
  let total: number | undefined;
  const watch = setInterval(
    () =>
      void megabytesIn(join(partial, 'pip')).then((size) => report(requirement, Math.min(size, total ?? size), total)),
    POLL_MS,
  );
  try {
    const platforms = wheelPlatforms().flatMap((platform) => ['--platform', platform]);
    const where = ['--no-cache-dir', '--progress-bar', 'off', '--dest', 'pip'];
    await runTool(
      TOOLS.python.command,
      ['-m', 'pip', 'download', '--no-deps', ...where, ...PYTHON, ...platforms, requirement],
      {
        cwd: partial,
        missing: TOOLS.python.missing,
        failing: 'check the network and the version, and run the command again',
        // Newer pips then go on with a download that was cut off; its own folder for what is half done, so that it can be watched and does not fill /tmp.
        env: { PIP_RESUME_RETRIES: '5', TMPDIR: join(partial, 'pip') },
        onOutput: (text) => (total = Number(/Downloading .*\(([\d.]+) MB\)/.exec(text)?.[1] ?? total) || undefined),
        signal,
      },
    );
  } finally {
    clearInterval(watch);
  }
  const wheel = (await readdir(join(partial, 'pip'))).find((name) => name.endsWith('.whl'))!;
  await unpack(join(partial, 'pip', wheel), partial, files, signal);
  await rm(join(partial, 'pip'), { recursive: true });
  await writeFile(join(partial, LIST), JSON.stringify({ pattern: files.source, sizes: await sizesIn(partial) }));
  await rm(kept, { recursive: true, force: true });
  await rename(partial, kept);
  return kept;
}

/** The files in a folder and in those below it, with their sizes. */
export async function sizesIn(folder: string): Promise<Sizes> {
  const names = await readdir(folder, { recursive: true });
  const found = await Promise.all(names.map(async (name) => ({ name, about: await stat(join(folder, name)) })));
  return Object.fromEntries(found.filter(({ about }) => about.isFile()).map(({ name, about }) => [name, about.size]));
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

async function megabytesIn(folder: string): Promise<number> {
  const sizes = await sizesIn(folder).catch(() => ({})); // pip moves files about meanwhile
  return Object.values(sizes).reduce((sum, size) => sum + size, 0) / 1e6;
}
