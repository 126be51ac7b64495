import type { ServerResponse } from 'node:http';

import type { Position, Rows } from './protocol.js';
import { message, reader, type News, type Reader } from './reader.js';
import type { ShownRun } from './shownRun.js';

/** All pages that follow runs. */
export interface Readers {
  add(response: ServerResponse, positions: Map<string, Position>): void;
  /** Tells all of them what is new, at once. */
  flush(): void;
  close(): void;
}

/** How often pages are told what is new. */
const FLUSH_MS = 100;

export function readers(runs: () => ReadonlyMap<string, ShownRun>): Readers {
  const open = new Set<Reader>();
  let flushing: ReturnType<typeof setInterval> | undefined;

  const flush = (): void => {
    const news = newsOf(runs());
    for (const each of open) each.flush(news);
  };
  const rest = (): void => {
    clearInterval(flushing);
    flushing = undefined;
  };
  return {
    flush,
    add: (response, positions) => {
      const added = reader(response, runs, positions);
      open.add(added);
      // Nobody looks, nothing is done; and that somebody looks keeps no process alive.
      flushing ??= setInterval(flush, FLUSH_MS).unref();
      response.on('close', () => {
        open.delete(added);
        if (open.size === 0) rest();
      });
      added.flush(newsOf(runs()));
    },
    close: () => {
      rest();
      for (const each of open) each.close();
    },
  };
}

function newsOf(runs: ReadonlyMap<string, ShownRun>): News {
  const made = new Map<string, Uint8Array>();
  return {
    list: JSON.stringify([...runs.values()].map((run) => run.info())),
    nowMs: performance.now(),
    messageOf: (rows: Rows, id) => {
      const key = `${rows.from.count} ${id} ${rows.run}`;
      const told = made.get(key) ?? Buffer.from(message('rows', JSON.stringify(rows), id));
      made.set(key, told);
      return told;
    },
  };
}
