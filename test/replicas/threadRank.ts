import { inThread } from '../../src/replicas/startThreads.js';
import { runContract } from './contract.js';

const { collective, data } = inThread();
const what = (data as Record<string, string> | undefined)?.[collective.rank];
if (what === 'exits') process.exit(3);
if (what === 'throws') throw new Error('out of luck');
if (what === 'ends') {
  await collective.barrier();
} else if (what === 'hangs') {
  await collective.barrier();
  for (;;);
} else if (what === 'waits') {
  await collective.barrier(); // all have started
  await collective.barrier({ timeoutMs: 1000 });
} else {
  await runContract(collective);
}
