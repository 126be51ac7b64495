import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { EngineError } from '../../../src/core/errors.js';
import { chooseBuild } from '../../../src/engine/node/chooseBuild.js';
import { gpuOf, missingDriver, prepareGpu } from '../../../src/engine/node/gpu.js';
import { RECIPE, type Build, type Device } from '../../../src/engine/node/place.js';

const withBuilds = (devices: readonly Device[], other: Partial<Build> = {}): string => {
  const native = mkdtempSync(join(tmpdir(), 'gradstream-builds-'));
  onTestFinished(() => rmSync(native, { recursive: true }));
  for (const device of devices) {
    mkdirSync(join(native, device));
    const { platform, arch } = process;
    const build = { tensorflow: '2.21.0', device, platform, arch, binding: '4.22.0', recipe: RECIPE, ...other };
    writeFileSync(join(native, device, 'build.json'), JSON.stringify(build));
  }
  return native;
};

describe('chooseBuild', () => {
  it.each([
    [['cpu'], undefined, 'cpu'],
    [['gpu'], undefined, 'gpu'],
    [['cpu', 'gpu'], undefined, 'gpu'],
    [['cpu', 'gpu'], 'cpu', 'cpu'],
    [['gpu'], 'cpu', 'gpu'],
    [['cpu', 'gpu'], 'gpu', 'gpu'],
  ] as const)('of %j takes for device %s that for the %s', (builds, device, chosen) => {
    expect(chooseBuild(withBuilds(builds), device).device).toBe(chosen);
  });

  it('says how to get what is missing', () => {
    const refused = (builds: readonly Device[], device?: Device) => () => chooseBuild(withBuilds(builds), device);
    expect(refused([])).toThrow(new EngineError('TensorFlow is not installed: run `npx gradstream native install`'));
    expect(refused([], 'gpu')).toThrow('TensorFlow is not installed: run `npx gradstream native install --gpu`');
    expect(refused(['cpu'], 'gpu')).toThrow(
      'TensorFlow is installed for the CPU only: run `npx gradstream native install --gpu`',
    );
  });

  it('refuses a build that was copied from another machine', () => {
    const native = withBuilds(['cpu'], { arch: 'pdp11' });
    expect(() => chooseBuild(native, undefined)).toThrow(
      `TensorFlow was built for ${process.platform} pdp11, and this is ${process.platform} ${process.arch}: run`,
    );
  });
});

describe('a build that another version of gradstream has made', () => {
  it.each([undefined, RECIPE - 1])('is refused: recipe %s', (recipe) => {
    const native = withBuilds(['cpu'], { recipe: recipe as number });
    expect(() => chooseBuild(native, undefined)).toThrow(
      new EngineError(
        'TensorFlow was built by another version of gradstream: run `npx gradstream native install` again',
      ),
    );
  });
});

describe('a GPU', () => {
  it('is missed with the name of what could not be loaded', () => {
    expect(missingDriver() ?? 'libcuda.so.1: there is one').toMatch(/^libcuda\.so\.1: /);
  });

  it.each(['OMPI_COMM_WORLD_LOCAL_RANK', 'MPI_LOCALRANKID', 'SLURM_LOCALID'])(
    'is that of the local rank in %s, unless one is set',
    (name) => {
      onTestFinished(() => void vi.unstubAllEnvs());
      for (const variable of ['CUDA_VISIBLE_DEVICES', 'TF_FORCE_GPU_ALLOW_GROWTH', 'XLA_FLAGS'])
        vi.stubEnv(variable, undefined);
      prepareGpu('/builds/gpu', 8);
      expect(process.env['CUDA_VISIBLE_DEVICES']).toBeUndefined();
      expect(process.env['TF_FORCE_GPU_ALLOW_GROWTH']).toBe('true');
      expect(process.env['XLA_FLAGS']).toBe('--xla_gpu_cuda_data_dir=/builds/gpu/nvidia/cuda_nvcc');

      vi.stubEnv(name, '3');
      prepareGpu('/builds/gpu', 8);
      expect(process.env['CUDA_VISIBLE_DEVICES']).toBe('3');

      vi.stubEnv(name, '5');
      prepareGpu('/builds/gpu', 8);
      expect(process.env['CUDA_VISIBLE_DEVICES']).toBe('3');
    },
  );

  it.each([
    ['the only process', {}, 8, undefined],
    ['one of as many as there are', { SLURM_LOCALID: '3' }, 4, '3'],
    ['one of more than there are', { SLURM_LOCALID: '3' }, 2, '1'],
    ['one of more than is known', { SLURM_LOCALID: '3' }, 0, '3'],
    ['one of those that may be seen', { MPI_LOCALRANKID: '1', CUDA_VISIBLE_DEVICES: '4,5,6' }, 8, '5'],
    ['one of fewer that may be seen', { MPI_LOCALRANKID: '3', CUDA_VISIBLE_DEVICES: 'GPU-a,GPU-b' }, 8, 'GPU-b'],
    ['the one that may be seen', { SLURM_LOCALID: '3', CUDA_VISIBLE_DEVICES: '7' }, 8, '7'],
    ['none, if none may be seen', { SLURM_LOCALID: '3', CUDA_VISIBLE_DEVICES: '' }, 8, undefined],
  ])('is chosen for %s', (_, env, gpus, own) => {
    expect(gpuOf(env, gpus)).toBe(own);
  });
});
