import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A Slurm of one machine, which this test has for itself. */
export interface Slurm {
  /** Runs one of its commands, and gives what it prints. */
  readonly command: (name: string, args: readonly string[], folder?: string) => string;
  /** Waits until a job is in one of the states. */
  readonly reaches: (job: string, states: readonly string[], timeoutMs?: number) => Promise<string>;
  readonly stop: () => void;
}

/** Starts its daemons; they end with the process in any case. */
export async function startSlurm(): Promise<Slurm> {
  const folder = mkdtempSync(join(tmpdir(), 'gs-slurm-'));
  const conf = join(folder, 'slurm.conf');
  const env = { ...process.env, SLURM_CONF: conf };
  const children: ChildProcess[] = [];
  const stop = (): void => {
    process.off('exit', stop);
    // What a failed test has left running would outlive the daemons.
    spawnSync('scancel', ['--full', '--signal=KILL', '--user=root'], { env, timeout: 5000 });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    for (const child of children.reverse()) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', stop);

  for (const name of ['state', 'spool']) mkdirSync(join(folder, name));
  const [key, socket] = [join(folder, 'key'), join(folder, 'socket')];
  writeFileSync(key, randomBytes(1024), { mode: 0o400 });
  writeFileSync(conf, configuration(folder, socket));
  // What PMIx keeps under the job's number; what an earlier Slurm's job has left in /tmp would be in the way.
  writeFileSync(join(folder, 'mpi.conf'), `PMIxCliTmpDirBase=${folder}\n`);
  const start = (name: 'munged' | 'slurmctld' | 'slurmd', args: readonly string[]): void =>
    void children.push(spawn(name, args, { env, stdio: 'ignore' }));
  const command: Slurm['command'] = (name, args, cwd = folder) =>
    execFileSync(name, args, { env, cwd, encoding: 'utf8', stdio: 'pipe', timeout: 20_000 });

  const files = {
    'key-file': key,
    socket,
    'pid-file': `${key}.pid`,
    'log-file': `${key}.log`,
    'seed-file': `${key}.seed`,
  };
  start('munged', ['--foreground', '--force', ...Object.entries(files).map(([name, file]) => `--${name}=${file}`)]);
  await until(() => existsSync(socket), 'munged must listen');
  start('slurmctld', ['-D', '-f', conf]);
  start('slurmd', ['-D', '-f', conf, '-N', 'localhost']);
  const isIdle = (): boolean =>
    spawnSync('sinfo', ['-h', '-o', '%T'], { env, encoding: 'utf8' }).stdout.includes('idle');
  await until(isIdle, 'slurmd must report for work', () => readFileSync(join(folder, 'slurmctld.log'), 'utf8'));

  const stateOf = (job: string): string => /JobState=(\w+)/.exec(command('scontrol', ['show', 'job', job]))![1]!;
  return {
    command,
    stop,
    reaches: async (job, states, timeoutMs = 40_000) => {
      await until(
        () => states.includes(stateOf(job)),
        `job ${job} must become ${states.join(' or ')}`,
        () => stateOf(job),
        timeoutMs,
      );
      return stateOf(job);
    },
  };
}

/** One machine that claims more cores than it may have; nothing is bound or confined, which a container may not allow. */
function configuration(folder: string, socket: string): string {
  const port = 20_000 + (process.pid % 10_000) * 2;
  return `
ClusterName=gradstream
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=${port}
SlurmdPort=${port + 1}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=${socket},cred_expire=5
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.log
NodeName=localhost NodeAddr=127.0.0.1 CPUs=8 RealMemory=1000
PartitionName=all Nodes=ALL Default=YES
`;
}

async function until(isSo: () => boolean, what: string, stands = (): string => '', timeoutMs = 20_000): Promise<void> {
  for (const began = performance.now(); !isSo(); await sleep(100))
    if (performance.now() - began > timeoutMs) throw new Error(`${what} within ${timeoutMs} ms, received ${stands()}`);
}
