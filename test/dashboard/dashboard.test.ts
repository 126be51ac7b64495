import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

import { firstValueFrom, from, lastValueFrom, NEVER } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { gate } from '../../operators/gate.js';
import { tee } from '../../operators/tee.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { SinkError } from '../../src/core/sinkError.js';
import { dashboard, type Dashboard, type DashboardOptions } from '../../src/dashboard/dashboard.js';
import { idOf } from '../../src/dashboard/positions.js';
import type { Row, Rows, RunInfo, Series } from '../../src/dashboard/protocol.js';
import { sgd } from '../../src/optim/sgd.js';
import { stepEvent } from '../../src/testing/steps.js';
import { train } from '../../src/trainer/train.js';
import { sinkContract } from '../sinks/contract.js';
import { batchesOf, line, squaredError } from '../support/line.js';
import { ask, tokenIn } from './ask.js';
import { listen, type Listening } from './events.js';

const open: { close(): unknown }[] = [];
beforeEach(() => void vi.spyOn(console, 'log').mockImplementation(() => undefined));
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
  vi.restoreAllMocks();
});

const openBoard = (options?: DashboardOptions): Dashboard => {
  const board = dashboard(options);
  open.push(board);
  return board;
};
const seriesOf = async (board: Dashboard, query = ''): Promise<Series> =>
  JSON.parse((await ask(await board.url, `/api/series?run=this%20run&pixels=4000${query}`)).body) as Series;
const steps = (first: number, last: number): TrainingEvent[] =>
  Array.from({ length: last - first + 1 }, (_, i) => stepEvent(first + i, { loss: first + i }));
const feed = (board: Dashboard, events: readonly TrainingEvent[]) => lastValueFrom(from(events).pipe(tee(board)));

/** What is seen of events: no more than what there is a place for. */
const shown = (events: readonly TrainingEvent[]) => ({
  steps: events.flatMap((e) =>
    e.type === 'step' ? [[e.globalStep, e.loss, e.learningRate, e.gradientNorm ?? null]] : [],
  ),
  losses: events.flatMap((e) => (e.type === 'step' ? e.microBatches.map(({ loss }) => loss) : [])),
  validation: events.flatMap((e) => (e.type === 'validation' ? [[e.globalStep, e.loss, e.metrics['accuracy']]] : [])),
  notes: events.flatMap((e) => [
    ...(e.type === 'step' && e.nonFinite ? [[e.globalStep, 'skipped']] : []),
    ...(['checkpoint', 'change', 'end'].includes(e.type) ? [[e.globalStep, e.type]] : []),
  ]),
});

sinkContract('dashboard', {
  make: () => {
    const board = openBoard();
    return {
      sink: () => board,
      read: async () => {
        const { steps: table, microBatches, validation, notes } = await seriesOf(board);
        const [of, held] = [table.columns, validation.columns];
        return {
          steps: table.steps.map((step, i) => [
            step,
            of['loss']![i],
            of['learningRate']![i],
            of['gradientNorm']?.[i] ?? null,
          ]),
          losses: microBatches.columns['loss'],
          validation: validation.steps.map((step, i) => [step, held['loss']![i], held['accuracy']![i]]),
          notes: notes.filter(({ kind }) => kind !== 'error').map(({ globalStep, kind }) => [globalStep, kind]),
        };
      },
    };
  },
  holds: shown,
  nonFinite: false, // JSON has none
});

describe('dashboard', () => {
  it.each([-1, 65_536, 1.5, NaN])('refuses port %d', (port) => {
    expect(() => dashboard({ port })).toThrow(ArgumentError);
  });

  it('refuses a learning rate that is none', () => {
    expect(() => dashboard({ learningRate: 0 })).toThrow(ArgumentError);
  });

  it('says where it is served', async () => {
    const board = openBoard();
    const url = await board.url;

    expect(console.log).toHaveBeenCalledWith(`dashboard: ${url}`);
  });

  it('fails the run if the port is taken', async () => {
    const port = Number(new URL(await openBoard().url).port);
    const taken = dashboard({ port });

    await expect(feed(taken, steps(1, 3))).rejects.toThrow(SinkError);
  });

  it('offers what the run listens to, and no more', async () => {
    const board = openBoard({ learningRate: 0.1 });
    const model = line();
    const batches = async function* () {
      for (;;) yield* (await wait(2), batchesOf([4, 4]));
    };
    const infos: RunInfo[][] = [];
    const look = async (): Promise<RunInfo> => {
      const { messages, close } = await listen(await board.url, {});
      await vi.waitFor(() => expect(messages.some(({ event }) => event === 'runs')).toBe(true));
      close();
      infos.push(messages.at(-1)!.data as RunInfo[]);
      return infos.at(-1)![0]!;
    };
    expect(await look()).toMatchObject({ status: 'waiting', controls: [] });

    const run$ = train(model, batches, { loss: squaredError, optimizer: sgd({ learningRate: board.learningRate$ }), until: board.stop$ }); // prettier-ignore
    const running = lastValueFrom(run$.pipe(gate(board.gate$), tee(board)), { defaultValue: undefined });
    board.learningRate$.subscribe();
    expect((await look()).controls).toStrictEqual(['pause', 'resume', 'step', 'stop', 'learningRate']);
    const control = (body: string) =>
      board.url.then((url) =>
        ask(url, '/api/control', {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/json', authorization: `Bearer ${tokenIn(url)}` },
        }),
      );
    expect((await control('{"command":"learningRate","value":0.25}')).status).toBe(204);
    expect(await firstValueFrom(board.learningRate$)).toBe(0.25);
    expect((await look()).learningRate).toBe(0.25);
    await control('{"command":"pause"}');
    expect((await look()).status).toBe('paused');
    await control('{"command":"resume"}');
    await control('{"command":"stop"}');
    await running;
    expect(await look()).toMatchObject({ status: 'ended', controls: [] });
    model.dispose();
  });

  it('says what went wrong', async () => {
    const board = openBoard();
    await feed(board, steps(1, 2));
    await board.next(stepEvent(3));
    void board.error!(new Error('out of memory'));

    expect((await seriesOf(board)).notes).toStrictEqual([{ globalStep: 3, kind: 'error', text: 'out of memory' }]);
  });

  it('has the end of a run that goes on at its new end only', async () => {
    const board = openBoard();
    await feed(board, [...steps(1, 3), { type: 'end', globalStep: 3, epoch: 1, reason: 'steps' }]);
    await feed(board, [...steps(4, 5), { type: 'end', globalStep: 5, epoch: 1, reason: 'steps' }]);
    const { notes, steps: table } = await seriesOf(board);

    expect(notes.map(({ globalStep, kind }) => [globalStep, kind])).toStrictEqual([[5, 'end']]);
    expect(table.steps).toStrictEqual([1, 2, 3, 4, 5]);
  });

  it('has ended when it was unsubscribed', async () => {
    const board = openBoard();
    await board.url;
    NEVER.pipe(tee(board)).subscribe().unsubscribe();
    const { messages, close } = await listen(await board.url, {});
    await vi.waitFor(() => expect(messages).toHaveLength(1));
    close();

    expect(messages[0]!.data).toMatchObject([{ status: 'ended' }]);
  });
});

describe('a page that follows', () => {
  const rowsOf = ({ messages }: Pick<Listening, 'messages'>): Row[] =>
    messages.flatMap(({ event, data }) => (event === 'rows' ? (data as Rows).rows : []));
  const stepsIn = (rows: readonly Row[]): number[] => rows.map(({ globalStep }) => globalStep);
  const range = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

  it('is told all that comes after what it has been given as a whole', async () => {
    const board = openBoard();
    await feed(board, steps(1, 10));
    const { position } = await seriesOf(board);
    await feed(board, steps(11, 15)); // between the two
    const page = await listen(await board.url, { after: idOf(new Map([['this run', position]])) });
    await feed(board, steps(16, 400));
    await vi.waitFor(() => expect(rowsOf(page)).toHaveLength(390), { timeout: 3000 });
    page.close();

    expect([...range(10), ...stepsIn(rowsOf(page))]).toStrictEqual(range(400));
  });

  it('has neither a gap nor a double when its connection was cut, again and again', async () => {
    const board = openBoard();
    await board.url;
    let id = idOf(new Map([['this run', (await seriesOf(board)).position]]));
    const told: Row[] = [];
    for (let cut = 0; cut < 8; cut++) {
      await feed(board, steps(100 * cut + 1, 100 * cut + 40));
      const page = await listen(await board.url, { lastEventId: id });
      await feed(board, steps(100 * cut + 41, 100 * cut + 100));
      await vi.waitFor(() => expect(rowsOf(page).length).toBeGreaterThan(0), { interval: 5 });
      page.close(); // perhaps in the midst
      await wait(5);
      told.push(...rowsOf(page));
      id = page.messages.findLast((message) => message.id)!.id!;
    }
    const page = await listen(await board.url, { lastEventId: id });
    await wait(150);
    page.close();

    expect(stepsIn([...told, ...rowsOf(page)])).toStrictEqual(range(800));
  });

  it('is told to ask anew when the server was restarted, however many events there were', async () => {
    const board = openBoard();
    const url = await board.url;
    await feed(board, steps(1, 20));
    const id = idOf(new Map([['this run', (await seriesOf(board)).position]]));
    await board.close();
    for (const last of [5, 20, 50]) {
      const next = openBoard({ port: Number(new URL(url).port) });
      await next.url;
      await feed(next, steps(1, last));
      const page = await listen(url, { lastEventId: id });
      await vi.waitFor(() => expect(page.messages.map(({ event }) => event)).toContain('reload'));
      expect(rowsOf(page)).toStrictEqual([]);
      page.close();
      await next.close();
    }
  });

  it('is told to ask anew when it was away for long, and when a run takes back what it told', async () => {
    const board = openBoard();
    await board.url;
    const id = idOf(new Map([['this run', (await seriesOf(board)).position]]));
    await feed(board, steps(1, 5000));
    const late = await listen(await board.url, { lastEventId: id });
    await vi.waitFor(() => expect(late.messages.map(({ event }) => event)).toContain('reload'));
    const after = late.messages.findLast((message) => message.id)!.id!;
    late.close();

    await feed(board, steps(4000, 4010));
    const page = await listen(await board.url, { lastEventId: after });
    await vi.waitFor(() => expect(page.messages.map(({ event }) => event)).toContain('reload'));
    await feed(board, steps(4011, 4012));
    await vi.waitFor(() => expect(rowsOf(page)).toHaveLength(2));
    page.close();
  });

  it('is told of the runs it asks for, and never twice of the same state', async () => {
    const board = openBoard();
    await feed(board, steps(1, 3));
    const page = await listen(await board.url, { after: 'nowhere=1.2' });
    await wait(350);
    page.close();

    expect(page.messages.map(({ event }) => event)).toStrictEqual(['runs']);
  });

  it('is told the end, and then keeps no process alive', async () => {
    const code = `
      import { concatMap, of, take, timer } from 'rxjs';
      import { tee } from './operators/tee.ts';
      import { dashboard } from './src/dashboard/dashboard.ts';
      const end = { type: 'end', globalStep: 1, epoch: 1, reason: 'steps' };
      timer(0, 20).pipe(take(50), concatMap(() => of(end)), tee(dashboard())).subscribe();
    `;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(child, 'exit');
    const [printed] = (await once(child.stdout, 'data')) as [Buffer];
    const page = await listen(/http:\S+/.exec(String(printed))![0], {});

    expect(await exit).toStrictEqual([0, null]);
    expect(page.messages.at(-1)!.data).toMatchObject([{ status: 'ended' }]);
  });
});

describe('200 pages that take nothing', () => {
  it('neither stop the run nor fill the memory', async () => {
    const board = openBoard();
    const url = await board.url;
    const { hostname, port } = new URL(url);
    const after = encodeURIComponent(idOf(new Map([['this run', (await seriesOf(board)).position]])));
    const sockets = Array.from({ length: 200 }, (): Socket => {
      const socket = connect(Number(port), hostname).pause();
      socket.on('error', () => undefined);
      socket.write(`GET /api/live?after=${after} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      return socket;
    });
    await wait(300);
    const before = process.memoryUsage.rss();
    const microBatches = Array.from({ length: 100 }, (_, i) => ({ loss: Math.sin(i) / 3, weight: 1, metrics: {} }));
    let [most, waited] = [0, false];
    let step = 0;
    for (let turn = 0; turn < 25; turn++) {
      for (let i = 0; i < 80; i++) waited ||= board.next(stepEvent(++step, { microBatches })) !== undefined;
      await wait(10);
      most = Math.max(most, process.memoryUsage.rss() - before);
    }
    const page = await listen(url, {});
    await vi.waitFor(() => expect(page.messages.at(-1)!.data).toMatchObject([{ lastStep: 2000 }]));
    page.close();
    sockets.forEach((socket) => socket.destroy());

    expect(waited).toBe(false);
    expect(most / 2 ** 20).toBeLessThan(150); // 4 MB for each of them would be 800
  });
});
