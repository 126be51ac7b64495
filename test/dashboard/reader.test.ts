import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';

import type { Position, Rows } from '../../src/dashboard/protocol.js';
import { message, reader, type News } from '../../src/dashboard/reader.js';
import { runLog } from '../../src/dashboard/runLog.js';
import type { ShownRun } from '../../src/dashboard/shownRun.js';
import { stepEvent } from '../../src/testing/steps.js';

/** A reader whose connection has room for so many messages until it is drained. */
const make = (room = Infinity) => {
  const log = runLog();
  const written: string[] = [];
  const connection = { room, isCut: false };
  const response = {
    get writableNeedDrain() {
      return connection.room <= 0;
    },
    write: (text: string | Uint8Array) => {
      written.push(String(text));
      return --connection.room > 0;
    },
    destroy: () => (connection.isCut = true),
  };
  const run: ShownRun = { log, info: () => ({ name: 'run', status: 'running', lastStep: 0, controls: [] }) };
  const positions = new Map<string, Position>([['run', log.position]]);
  const { flush } = reader(response as unknown as ServerResponse, () => new Map([['run', run]]), positions);
  const add = (count: number): void => {
    for (let i = 0; i < count; i++) log.add(stepEvent(log.lastStep + 1));
  };
  const news = (nowMs: number, list = '[]'): News => ({
    list,
    nowMs,
    messageOf: (rows, id) => Buffer.from(message('rows', JSON.stringify(rows), id)),
  });
  const told = (): number[] =>
    written
      .filter((text) => text.includes('event: rows'))
      .flatMap((text) => (JSON.parse(/data: (.*)/.exec(text)![1]!) as Rows).rows.map(({ globalStep }) => globalStep));
  return { add, flush: (nowMs: number, list?: string) => flush(news(nowMs, list)), written, connection, told };
};
const range = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

describe('reader', () => {
  it('sends nothing more until what it sent has gone out', () => {
    const { add, flush, written, connection, told } = make(2); // the list, and one message
    add(900);
    flush(0);
    flush(100);
    expect(written).toHaveLength(2);
    expect(told().length).toBeLessThan(300);

    connection.room = Infinity;
    flush(200);
    expect(told()).toStrictEqual(range(900));
  });

  it('cuts a connection that takes nothing for 10 s, and no other', () => {
    const { add, flush, connection } = make(2);
    add(900);
    flush(0);
    flush(9_900);
    expect(connection.isCut).toBe(false);
    flush(10_100);
    expect(connection.isCut).toBe(true);
  });

  it('says now and then that it is still there', () => {
    const { flush, written } = make();
    for (let ms = 0; ms <= 40_000; ms += 100) flush(ms);

    expect(written.filter((text) => text === ': still here\n\n')).toHaveLength(2);
    expect(written).toHaveLength(3);
  });

  it('tells the list when it has changed', () => {
    const { flush, written } = make();
    for (const list of ['[]', '[]', '[1]', '[1]', '[]']) flush(0, list);

    expect(written.map((text) => /data: (.*)/.exec(text)![1])).toStrictEqual(['[]', '[1]', '[]']);
  });
});
