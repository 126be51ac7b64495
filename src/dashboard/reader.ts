import type { ServerResponse } from 'node:http';

import { idOf } from './positions.js';
import type { Position, Rows } from './protocol.js';
import type { ShownRun } from './shownRun.js';

/** One page that follows some runs. */
export interface Reader {
  /** Sends what is new, as much as goes out; ends the connection if nothing has for long. */
  flush(news: News): void;
  close(): void;
}

/** What is told to all readers, made once. */
export interface News {
  /** The list of runs as JSON. */
  readonly list: string;
  readonly nowMs: number;
  /** A message of rows, which most readers share: two hundred that are slow hold the same bytes. */
  readonly messageOf: (rows: Rows, id: string) => Uint8Array;
}

/** How many events go into one message. */
const MOST_ROWS = 50;
/** A connection that has taken nothing for so long is cut; the page comes back by itself and catches up. */
const STALLED_MS = 10_000;
/** Proxies and browsers give up on connections that say nothing. */
const SILENT_MS = 15_000;

/**
 * Follows runs from where the reader stands. What has not been sent stays in the runs' logs, so a slow reader costs a socket's buffer, a message, and no
 * more.
 */
export function reader(
  response: ServerResponse,
  runs: () => ReadonlyMap<string, ShownRun>,
  positions: Map<string, Position>,
): Reader {
  let list = '';
  let wroteMs: number | undefined;

  /** The next message about a run, if there is one. */
  const next = (name: string, from: Position, { messageOf }: News): Uint8Array | string | undefined => {
    const log = runs().get(name)?.log;
    const rows = log?.since(from)?.slice(0, MOST_ROWS);
    if (!log || rows?.length === 0) return undefined;
    // What is too old to be told one by one is to be asked for as a whole.
    positions.set(name, rows ? { ...from, count: from.count + rows.length } : log.position);
    const id = idOf(positions);
    return rows ? messageOf({ run: name, from, rows }, id) : message('reload', JSON.stringify(name), id);
  };
  const messages = function* (news: News): Generator<Uint8Array | string> {
    if (news.list !== list) yield message('runs', (list = news.list));
    for (const name of positions.keys())
      for (let told; (told = next(name, positions.get(name)!, news)) !== undefined;) yield told;
  };
  return {
    flush: (news) => {
      wroteMs ??= news.nowMs;
      if (response.writableNeedDrain) {
        if (news.nowMs - wroteMs > STALLED_MS) response.destroy();
        return;
      }
      const send = (told: Uint8Array | string): boolean => ((wroteMs = news.nowMs), response.write(told));
      if (news.nowMs - wroteMs > SILENT_MS) send(': still here\n\n');
      for (const told of messages(news)) if (!send(told)) break;
    },
    close: () => response.end(),
  };
}

/** A message as EventSource takes it; a page that comes back says the last id. */
export function message(kind: string, data: string, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${kind}\ndata: ${data}\n\n`;
}
