import type { ServerResponse } from 'node:http';

import { auditTime, merge, timer, type Observable, type Subscription } from 'rxjs';

import type { Position, Rows } from './protocol.js';
import { reader, type News, type Reader } from './reader.js';
import type { ShownRun } from './shownRun.js';

/** All pages that follow runs. */
export interface Readers {
  readonly size: number;
  add(response: ServerResponse, positions: Map<string, Position>): void;
  close(): void;
}

const FLUSH_MS = 100;
const PULSE_MS = 1000;

/** @param changed$ - Emits when there is something new. */
export function readers(runs: () => ReadonlyMap<string, ShownRun>, changed$: Observable<unknown>): Readers {
  const open = new Set<Reader>();
  let flushing: Subscription | undefined;

  const flush = (): void => {
    const news = newsOf(runs());
    for (const each of open) each.flush(news);
  };
  return {
    get size() {
      return open.size;
    },
    add: (response, positions) => {
      const added = reader(response, runs, positions);
      open.add(added);
      // Nobody looks, nothing is done.
      flushing ??= merge(changed$.pipe(auditTime(FLUSH_MS)), timer(PULSE_MS, PULSE_MS)).subscribe(flush);
      response.on('close', () => {
        open.delete(added);
        if (open.size > 0) return;
        flushing?.unsubscribe();
        flushing = undefined;
      });
      added.flush(newsOf(runs()));
    },
    close: () => {
      flushing?.unsubscribe();
      for (const each of open) each.close();
    },
  };
}

function newsOf(runs: ReadonlyMap<string, ShownRun>): News {
  const texts = new Map<string, string>();
  return {
    list: JSON.stringify([...runs.values()].map((run) => run.info())),
    nowMs: performance.now(),
    textOf: (rows: Rows) => {
      const { run, from } = rows;
      const key = `${from.generation}.${from.count} ${run}`;
      const text = texts.get(key) ?? JSON.stringify(rows);
      texts.set(key, text);
      return text;
    },
  };
}
