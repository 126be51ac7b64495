import { history } from '../../src/sinks/history.js';
import { sinkContract } from './contract.js';

sinkContract('history', {
  make: () => {
    const kept = history();
    return { sink: () => kept, read: () => kept.events };
  },
  holds: (events) => events,
});
