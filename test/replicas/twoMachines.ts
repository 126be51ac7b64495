import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { bundled } from '../support/bundled.js';
import { run, type Ended } from './installedMpi.js';

const agent = fileURLToPath(new URL('netnsAgent.sh', import.meta.url));
const ip = (command: string): void => void execFileSync('ip', command.split(' '), { stdio: 'pipe' });

/** Two machines, as far as MPI can tell: network namespaces with names and addresses of their own, and a cable between them. */
export interface TwoMachines {
  readonly names: readonly [string, string];
  /** Runs a program on `ranks` processes of each; Open MPI's mpirun begins on the first and reaches the second by its agent. */
  mpirun(bin: string, ranks: number, program: URL, args?: readonly string[]): Promise<Ended>;
  /** Takes them away; done at the end of the process in any case. */
  remove(): void;
}

/**
 * Makes them; only one pair in a process.
 *
 * @throws if that is not allowed: it takes root and iproute2.
 */
export function twoMachines(): TwoMachines {
  const machines = `gs${process.pid}`;
  const names = [`${machines}-1`, `${machines}-2`] as const;
  const remove = (): void => {
    process.off('exit', remove);
    for (const name of names) {
      try {
        ip(`netns del ${name}`); // the cable goes, too
      } catch {
        // it is not there
      }
    }
  };
  process.once('exit', remove);
  try {
    for (const name of names) ip(`netns add ${name}`);
    ip(`link add eth0 netns ${names[0]} type veth peer name eth0 netns ${names[1]}`);
    names.forEach((name, i) => {
      ip(`-n ${name} addr add 10.77.0.${i + 1}/24 dev eth0`);
      for (const device of ['lo', 'eth0']) ip(`-n ${name} link set ${device} up`);
    });
  } catch (error) {
    remove();
    throw error;
  }
  return {
    names,
    remove,
    mpirun: async (bin, ranks, program, args = []) => {
      const file = await bundled(program);
      const isFive = execFileSync(join(bin, 'mpirun'), ['--version'], { encoding: 'utf8' }).includes(') 5');
      const command = [
        ...[
          join(bin, 'mpirun'),
          '--prefix',
          join(bin, '..'),
          '--allow-run-as-root',
          '--oversubscribe',
          '--map-by',
          `ppr:${ranks}:node`,
        ],
        ...[isFive ? '--prtemca' : '--mca', isFive ? 'plm_ssh_agent' : 'plm_rsh_agent', agent],
        ...['--host', [1, 2].map((i) => `10.77.0.${i}:${ranks}`).join(), '-n', String(2 * ranks)],
        // Nothing but the cable: memory is shared here, and would not be there.
        ...['--mca', 'pml', 'ob1', '--mca', 'btl', 'tcp,self', '-x', 'PATH', '-x', 'DIGITS'],
        ...[process.execPath, file, ...args],
      ];
      return run(agent, ['10.77.0.1', ...command], { MACHINES: machines, PATH: `${bin}:${process.env['PATH']}` });
    },
  };
}
