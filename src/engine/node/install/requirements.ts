import { statfs } from 'node:fs/promises';

import type { Device } from '../place.js';
import { diskFull, InstallError } from './installError.js';
import { runTool } from './runTool.js';

/** A command, and what to do where it is missing. */
interface Tool {
  readonly command: string;
  readonly missing: string;
}

/** The tools that an install runs. */
export const TOOLS: Readonly<Record<'python' | 'compiler' | 'npm', Tool>> = {
  python: {
    command: 'python3',
    missing: 'install Python 3 and its pip (Debian, Ubuntu: `apt-get install python3 python3-pip`)',
  },
  compiler: {
    command: process.env['CXX'] || 'g++',
    missing: 'install a C++ compiler (Debian, Ubuntu: `apt-get install g++`)',
  },
  npm: { command: 'npm', missing: 'install npm; it comes with Node (Debian: `apt-get install npm`)' },
};

/** What TensorFlow's wheels are built for. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };
const OLDEST_GLIBC = 17;
const GIGABYTES: Readonly<Record<Device, number>> = { cpu: 2.5, gpu: 12 };

/**
 * The names under which pip may find wheels for this machine, newest first.
 *
 * @throws {@link InstallError} where TensorFlow has none.
 */
export function wheelPlatforms(): string[] {
  const arch = ARCHITECTURES[process.arch];
  if (process.platform !== 'linux' || !arch)
    throw new InstallError(
      `native TensorFlow is built on Linux x64 and arm64 only, this is ${process.platform} ${process.arch}`,
      "use engine('webgpu') or engine('wasm'), or a Linux container",
    );
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  const minor = Number(header.glibcVersionRuntime?.split('.')[1]);
  if (!(minor >= OLDEST_GLIBC))
    throw new InstallError(
      "TensorFlow needs glibc 2.27 or newer, and this system's C library is another (musl?)",
      'take a Debian-based image (node:22-bookworm, not node:22-alpine)',
    );
  const newestFirst = Array.from({ length: minor - OLDEST_GLIBC + 1 }, (_, i) => `manylinux_2_${minor - i}_${arch}`);
  return [...newestFirst, `manylinux2014_${arch}`];
}

/**
 * Checks, before anything is downloaded, that every tool is there and that the disks have room.
 *
 * @throws {@link InstallError} (rejects) with what to install.
 */
export async function checkRequirements(
  device: Device,
  folders: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const cwd = folders[0]!;
  const { python, compiler, npm } = TOOLS;
  const noPip = 'install pip for it (Debian, Ubuntu: `apt-get install python3-pip`; elsewhere `python3 -m ensurepip`)';
  for (const { command, missing } of [python, compiler, npm]) {
    await runTool(command, ['--version'], { cwd, missing, failing: missing, signal });
  }
  await runTool(python.command, ['-m', 'pip', '--version'], { cwd, missing: python.missing, failing: noPip, signal });
  for (const folder of folders) {
    const { bavail, bsize } = await statfs(folder);
    if ((bavail * bsize) / 1e9 < GIGABYTES[device]) throw diskFull(folder, GIGABYTES[device]);
  }
}
