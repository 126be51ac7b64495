import type { ServerResponse } from 'node:http';

import { idOf } from './positions.js';
import type { Position, Rows } from './protocol.js';
import { RECENT } from './runLog.js';
import type { ShownRun } from './shownRun.js';

/** One page that follows some runs. */
export interface Reader {
  /** Sends what is new, unless the last has not gone out yet; ends the connection if that takes too long. */
  flush(news: News): void;
  close(): void;
}

/** What is told to all readers, made once. */
export interface News {
  /** The list of runs as JSON, and which one it is. */
  readonly list: string;
  readonly nowMs: number;
  /** The text of rows, which most readers share. */
  textOf(rows: Rows): string;
}

/** A connection that has taken nothing for so long is cut; the page comes back by itself and catches up. */
const STALLED_MS = 10_000;
/** Proxies and browsers give up on connections that say nothing. */
const SILENT_MS = 15_000;

/**
 * Follows runs from where the reader stands. What has not been sent stays in the runs' logs, so a slow reader costs a socket's buffer and no more.
 */
export function reader(
  response: ServerResponse,
  runs: () => ReadonlyMap<string, ShownRun>,
  positions: Map<string, Position>,
): Reader {
  let list = '';
  let wroteMs: number | undefined;

  const message = (kind: string, data: string, id?: string): string =>
    `${id === undefined ? '' : `id: ${id}\n`}event: ${kind}\ndata: ${data}\n\n`;
  const news = function* ({ list: newest, textOf }: News): Generator<string> {
    if (newest !== list) yield message('runs', (list = newest));
    for (const [name, from] of positions) {
      const log = runs().get(name)?.log;
      const rows = log?.since(from)?.slice(0, RECENT);
      if (rows?.length === 0 || !log) continue;
      // What is too old to be told one by one is to be asked for as a whole.
      const to = rows ? { ...from, count: from.count + rows.length } : log.position;
      positions.set(name, to);
      const [kind, data] = rows ? ['rows', textOf({ run: name, from, rows })] : ['reload', JSON.stringify(name)];
      yield message(kind!, data!, idOf(positions));
    }
  };
  return {
    flush: (all) => {
      wroteMs ??= all.nowMs;
      if (response.writableNeedDrain) {
        if (all.nowMs - wroteMs > STALLED_MS) response.destroy();
        return;
      }
      const text = [...news(all)].join('') || (all.nowMs - wroteMs > SILENT_MS ? ': still here\n\n' : '');
      if (text === '') return;
      wroteMs = all.nowMs;
      response.write(text);
    },
    close: () => response.end(),
  };
}
