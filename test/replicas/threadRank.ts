import { inThread } from '../../src/replicas/startThreads.js';
import { runContract } from './contract.js';

const { collective, data } = inThread();
if ((data as { dies?: number } | undefined)?.dies === collective.rank) process.exit(3);
await runContract(collective);
