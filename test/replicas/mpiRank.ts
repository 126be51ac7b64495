import { mpi } from '../../src/replicas/mpi.js';
import { runContract } from './contract.js';

const [what = '', ...ranks] = process.argv.slice(2);
const options = JSON.parse(process.env['MPI_OPTIONS'] ?? '{}') as { library?: string; worldSize?: number };
const collective = await mpi(options);
const isTheOne = ranks.includes(String(collective.rank));
const report = (error: unknown): never => {
  process.stdout.write(`${collective.rank}: ${String(error)} [${(error as { ranks?: number[] }).ranks?.join()}]\n`);
  process.exit(3);
};

if (what === 'contract') {
  await runContract(collective);
  process.stdout.write(`rank ${collective.rank} of ${collective.worldSize}, local ${collective.localRank}\n`);
} else if (what === 'throws') {
  if (isTheOne) throw new Error('out of luck');
  await collective.barrier();
} else if (what === 'killed') {
  if (isTheOne) process.kill(process.pid, 'SIGKILL');
  await collective.barrier();
} else if (what === 'hangs') {
  await collective.barrier();
  if (isTheOne) for (;;);
  await collective.barrier({ timeoutMs: 500 }).catch(report);
} else if (what === 'late') {
  if (isTheOne) await new Promise((resolve) => setTimeout(resolve, 2500));
  await collective.barrier({ timeoutMs: 500 }).catch(report);
} else if (what === 'stops') {
  // In the midst of a reduction, not before it.
  const buffer = new Float32Array(1 << 22);
  if (isTheOne) setTimeout(() => process.kill(process.pid, 'SIGSTOP'), 200);
  for (;;) await collective.allReduceMean([buffer], { timeoutMs: 1000 }).catch(report);
} else if (what === 'aborts') {
  if (isTheOne) collective.abort('enough');
  await collective.barrier();
}
