/** Who has started this process, as far as its environment says. */
export interface Launcher {
  readonly name: string;
  /** How many processes it has started together. */
  readonly size: number;
}

/** In order: `mpirun` inside a Slurm job sees Slurm's variables, too. Each names the number of processes, and what tells a rank of its from others. */
const LAUNCHERS = [
  ['Open MPI', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_RANK'],
  ['PMI', 'PMI_SIZE', 'PMI_RANK'],
  ['Slurm', 'SLURM_STEP_NUM_TASKS', 'SLURM_PROCID'],
] as const;

/** The launcher of this process; undefined, if it was started by itself. */
export function launcher(env: NodeJS.ProcessEnv): Launcher | undefined {
  for (const [name, size, rank] of LAUNCHERS) {
    if (env[size] !== undefined && env[rank] !== undefined) return { name, size: Number(env[size]) };
  }
  return undefined;
}
