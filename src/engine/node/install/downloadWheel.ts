import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { sizesIn } from './files.js';
import { TOOLS, wheelPlatforms } from './requirements.js';
import { runTool } from './runTool.js';

/** Hears what is under way, again and again. */
export type Report = (what: string, megabytes: number, ofMegabytes: number | undefined) => void;

/** A Python whose wheels every TensorFlow from 2.12 to 2.21 has; no Python code of theirs is run. */
const PYTHON = ['--implementation', 'cp', '--python-version', '3.11', '--abi', 'cp311', '--only-binary', ':all:'];
const QUIETLY = ['--no-deps', '--no-cache-dir', '--progress-bar', 'off', '--dest', '.'];
const POLL_MS = 500;

/**
 * Downloads the wheel of a requirement into an empty folder by pip, which checks its hash, and gives its path.
 *
 * @throws {@link InstallError} (rejects) with pip's own words, if it cannot be had.
 */
export async function downloadWheel(
  requirement: string,
  folder: string,
  report: Report,
  signal?: AbortSignal,
): Promise<string> {
  let total: number | undefined;
  const tell = (size: number): void => report(requirement, Math.min(size, total ?? size), total);
  const watch = setInterval(() => void megabytesIn(folder).then(tell), POLL_MS);
  try {
    const platforms = wheelPlatforms().flatMap((platform) => ['--platform', platform]);
    const args = ['-m', 'pip', 'download', ...QUIETLY, ...PYTHON, ...platforms, requirement];
    await runTool(TOOLS.python.command, args, {
      cwd: folder,
      missing: TOOLS.python.missing,
      failing: 'check the network and the version, and run the command again',
      // pip's temporary files lie where they can be watched and do not fill /tmp; newer ones go on with a download that was cut off.
      env: { TMPDIR: folder, PIP_RESUME_RETRIES: '5' },
      onOutput: (text) => (total = Number(/Downloading .*\(([\d.]+) MB\)/.exec(text)?.[1] ?? total) || undefined),
      signal,
    });
  } finally {
    clearInterval(watch);
  }
  return join(
    folder,
    (await readdir(folder)).find((name) => name.endsWith('.whl'))!,
  );
}

async function megabytesIn(folder: string): Promise<number> {
  const sizes = await sizesIn(folder).catch(() => ({})); // pip moves files about meanwhile
  return Object.values(sizes).reduce((sum, size) => sum + size, 0) / 1e6;
}
