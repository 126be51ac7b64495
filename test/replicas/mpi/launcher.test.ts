import { expect, it } from 'vitest';

import { launcher } from '../../../src/replicas/mpi/launcher.js';

it.each([
  ['nobody', {}, undefined],
  ['Open MPI', { OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_RANK: '1' }, { name: 'Open MPI', size: 4 }],
  ['MPICH', { PMI_SIZE: '3', PMI_RANK: '0' }, { name: 'PMI', size: 3 }],
  ['Slurm', { SLURM_STEP_NUM_TASKS: '8', SLURM_PROCID: '7' }, { name: 'Slurm', size: 8 }],
  ['a batch script of Slurm', { SLURM_NTASKS: '8', SLURM_PROCID: '0' }, undefined],
  [
    'mpirun in a job of Slurm',
    { SLURM_STEP_NUM_TASKS: '1', SLURM_PROCID: '0', OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_RANK: '1' },
    { name: 'Open MPI', size: 4 },
  ],
])('knows how many %s has started', (_, env, expected) => {
  expect(launcher(env)).toStrictEqual(expected);
});
