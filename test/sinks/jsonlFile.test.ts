import { lastValueFrom, map, toArray } from 'rxjs';

import type { TrainingEvent } from '../../src/core/events.js';
import { jsonlFile } from '../../src/sinks/jsonlFile.js';
import { replay } from '../../src/trainer/replay.js';
import { sinkContract } from './contract.js';
import { freshFile } from './freshFile.js';

/** An event without the run that it is of. */
const plain = (event: TrainingEvent): TrainingEvent => structuredClone({ ...event });

sinkContract('jsonlFile', {
  make: () => {
    const { path, ...place } = freshFile('events.jsonl');
    return {
      ...place,
      sink: () => jsonlFile(path),
      read: () => lastValueFrom(replay(path).pipe(map(plain), toArray())),
    };
  },
  holds: (events) => events,
});
