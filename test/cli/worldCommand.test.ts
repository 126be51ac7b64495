import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { usualWay, worldCommand } from '../../src/cli/worldCommand.js';
import { ConfigError } from '../../src/config/configError.js';

describe('worldCommand', () => {
  const bin = mkdtempSync(join(tmpdir(), 'gradstream-bin-'));
  const mpirun = join(bin, 'mpirun');
  writeFileSync(mpirun, '');
  chmodSync(mpirun, 0o755);
  afterAll(() => rmSync(bin, { recursive: true }));
  const env = { PATH: `/nowhere:${bin}` };

  it('starts the command by the mpirun on the path, on as many ranks as there are to be', () => {
    const { file, args, env: own } = worldCommand('mpi', 3, ['train', '--json'], { env, cores: 8 });
    expect(file).toBe(mpirun);
    expect(args.slice(0, 4)).toStrictEqual(['-n', '3', process.execPath, '--initial-heap-size=256']);
    expect(args.slice(-2)).toStrictEqual(['train', '--json']);
    expect(own).toMatchObject({
      GRADSTREAM_LAUNCHER: String(process.pid),
      GRADSTREAM_WORLD_SIZE: '3',
      OMPI_MCA_rmaps_base_oversubscribe: '1',
      PATH: env.PATH,
    });
    expect(own).not.toHaveProperty('OMPI_MCA_mpi_yield_when_idle');
  });

  it.each([
    [1, '8'],
    [3, '2'],
    [9, '1'],
  ])('shares 8 cores out to %i ranks: %s each', (ranks, threads) => {
    for (const by of ['mpi', 'threads'] as const)
      expect(worldCommand(by, ranks, [], { env, cores: 8 }).env['TF_NUM_INTRAOP_THREADS']).toBe(threads);
  });

  it('has ranks that share a core wait for each other in peace', () => {
    expect(worldCommand('mpi', 9, [], { env, cores: 8 }).env['OMPI_MCA_mpi_yield_when_idle']).toBe('1');
  });

  it('leaves what is set', () => {
    const set = { ...env, TF_NUM_INTRAOP_THREADS: '5', OMPI_MCA_hwloc_base_binding_policy: 'core' };
    expect(worldCommand('mpi', 2, [], { env: set, cores: 8 }).env).toMatchObject(set);
  });

  it('needs mpirun for mpi, and takes threads where there is none', () => {
    expect(() => worldCommand('mpi', 2, [], { env: { PATH: '/nowhere' }, cores: 8 })).toThrow(ConfigError);
    expect(usualWay({ PATH: '/nowhere' })).toBe('threads');
    expect(usualWay(env)).toBe('mpi');
    const { file, args } = worldCommand('threads', 2, ['train'], { env: {}, cores: 8 });
    expect(file).toBe(process.execPath);
    expect(args.slice(-6)).toStrictEqual(['launch', '--inside', '-n', '2', '--', 'train']);
  });
});
