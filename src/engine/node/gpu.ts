import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { messageOf } from '../../core/errors.js';
import { loadQuietly } from './loadQuietly.js';

/** Where launchers say which of a machine's processes this one is: Open MPI, MPICH and Intel MPI, Slurm. */
const LOCAL_RANKS = ['OMPI_COMM_WORLD_LOCAL_RANK', 'MPI_LOCALRANKID', 'SLURM_LOCALID'];

/**
 * Sets what TensorFlow reads when it looks for GPUs; what the user has set stays.
 *
 * One process uses one device: the one of its local rank. Memory is taken as it is needed, so that processes can share a GPU.
 */
export function prepareGpu(build: string, gpus: number = gpusHere()): void {
  const own = gpuOf(process.env, gpus);
  if (own !== undefined) process.env['CUDA_VISIBLE_DEVICES'] = own;
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  process.env['XLA_FLAGS'] ??= `--xla_gpu_cuda_data_dir=${join(build, 'nvidia', 'cuda_nvcc')}`;
}

/**
 * The GPU of a process that a launcher has started with others on this machine: that of its local rank among those it may see, from the first again where
 * there are more processes. Undefined for a process by itself.
 *
 * @param gpus - How many the machine has; 0, if that is not known.
 */
export function gpuOf(env: NodeJS.ProcessEnv, gpus: number): string | undefined {
  const rank = LOCAL_RANKS.map((name) => env[name]).find(Boolean);
  if (rank === undefined) return undefined;
  const visible = env['CUDA_VISIBLE_DEVICES']?.split(',').filter(Boolean);
  if (visible?.length === 0) return undefined; // none, on purpose
  if (visible) return visible[Number(rank) % visible.length];
  return gpus > 0 ? String(Number(rank) % gpus) : rank;
}

function gpusHere(): number {
  return readdirSync('/dev').filter((name) => /^nvidia\d+$/.test(name)).length;
}

/** Why NVIDIA's driver cannot be loaded, in the loader's words; nothing if it can. */
export function missingDriver(): string | undefined {
  try {
    process.dlopen({ exports: {} }, 'libcuda.so.1');
  } catch (error) {
    // The loader found it; that it is no addon is no news.
    if (messageOf(error).includes('did not self-register')) return undefined;
    return messageOf(error);
  }
  return undefined;
}

/** What TensorFlow itself says about GPUs that it does not use; asked in a process of its own, since its log cannot be caught in this one. */
export async function whyNoGpu(build: string): Promise<string> {
  const { log } = await loadQuietly(build, { TF_CPP_MIN_LOG_LEVEL: '0' });
  const lines = log.split('\n').filter((line) => /cannot dlopen|dynamic library|cuInit|CUDA_ERROR/i.test(line));
  const said = lines.map((line) => line.replace(/^.*?\] /, '')).slice(0, 4);
  return said.length > 0 ? said.join('; ') : 'TensorFlow found none, and does not say why';
}
