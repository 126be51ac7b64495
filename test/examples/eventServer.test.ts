import type { AddressInfo } from 'node:net';
import { get } from 'node:http';
import { once } from 'node:events';

import * as tf from '@tensorflow/tfjs';
import type { FastifyInstance } from 'fastify';
import { defer, finalize, from, Subject, throwError, type Observable } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { eventServer } from '../../examples/eventServer.js';
import { spiralRun } from '../../examples/spirals.js';
import { seededRandom } from '../../src/data/random.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { stepEvent } from '../../src/testing/steps.js';
import { eventLine } from '../../src/trainer/eventLine.js';

interface Message {
  readonly id: string;
  readonly event: string | undefined;
  readonly data: string;
}

let server: FastifyInstance;
let url: string;
afterEach(() => server.close());

async function serve(run$: Observable<TrainingEvent>): Promise<void> {
  server = eventServer(run$);
  await server.listen({ port: 0 });
  url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
}

/** What a client receives from now on; leaving the loop disconnects it. */
async function* received(lastEventId?: string): AsyncGenerator<Message> {
  const leave = new AbortController();
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const response = await fetch(`${url}/events`, { headers, signal: leave.signal });
  expect([response.status, response.headers.get('content-type')]).toStrictEqual([200, 'text/event-stream']);
  let text = '';
  try {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const whole = (text + chunk).split('\n\n');
      text = whole.pop()!;
      for (const each of whole) {
        const fields = Object.fromEntries(each.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2))) as Record<string, string>; // prettier-ignore
        if (fields['data']) yield { id: fields['id']!, event: fields['event'], data: fields['data']! };
      }
    }
  } finally {
    leave.abort();
  }
}
const steps = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => stepEvent(from + i, { loss: 1 / (from + i) }));
const stepOf = ({ data }: Message) => (JSON.parse(data) as TrainingEvent).globalStep;
const all = async (messages: AsyncIterable<Message>) => {
  const seen: Message[] = [];
  for await (const message of messages) seen.push(message);
  return seen;
};
const numbers = (to: number) => Array.from({ length: to }, (_, i) => i + 1);

describe('the event server', () => {
  it('gives every client all events in order, whenever it comes', async () => {
    const run$ = new Subject<TrainingEvent>();
    await serve(run$);
    const early = Array.from({ length: 10 }, () => all(received()));
    steps(1, 500).forEach((event) => run$.next(event));
    const late = Array.from({ length: 10 }, () => all(received()));
    await new Promise((resolve) => setTimeout(resolve, 50));
    steps(501, 1000).forEach((event) => run$.next(event));
    run$.complete();

    for (const seen of await Promise.all([...early, ...late]))
      expect(seen.map(({ data }) => data)).toStrictEqual(steps(1, 1000).map(eventLine));
  });

  it('goes on where a client left, without gaps or doubles, however often it comes back', async () => {
    const run$ = new Subject<TrainingEvent>();
    await serve(run$);
    const random = seededRandom(1);
    const feed = setInterval(() => run$.next(stepEvent((fed += 1))), 1);
    let fed = 0;
    const seen: Message[] = [];
    let visits = 0;
    while (seen.length < 300) {
      visits += 1;
      let stay = 1 + Math.floor(random.nextFloat() * 20);
      for await (const message of received(seen.at(-1)?.id)) {
        seen.push(message);
        if ((stay -= 1) === 0) break;
      }
    }
    clearInterval(feed);

    expect(visits).toBeGreaterThan(15);
    expect(seen.map(stepOf)).toStrictEqual(numbers(seen.length));
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
  });

  it('tells a client not to come back when the run is over and it has all of it', async () => {
    await serve(from(steps(1, 3)));
    const seen = await all(received());
    const answer = async (id: string) => (await fetch(`${url}/events`, { headers: { 'last-event-id': id } })).status;

    expect(seen.map(stepOf)).toStrictEqual([1, 2, 3]);
    expect(await answer(seen[2]!.id)).toBe(204);
    expect((await all(received(seen[1]!.id))).map(stepOf)).toStrictEqual([3]);
  });

  it.each(['another-run/1', 'nonsense', '7', ''])('gives the whole run to a client that comes with %j', async (id) => {
    await serve(from(steps(1, 3)));
    expect((await all(received(id))).map(stepOf)).toStrictEqual([1, 2, 3]);
  });

  it('waits for no client: one that reads nothing holds up neither the run nor the others', async () => {
    const run$ = new Subject<TrainingEvent>();
    await serve(run$);
    const asked = get(`${url}/events`);
    await once(asked, 'response'); // and nothing reads it
    const other = all(received());
    steps(1, 20_000).forEach((event) => run$.next(event));
    run$.complete();

    expect(await other).toHaveLength(20_000);
    asked.destroy();
  });

  it('says that the run has failed, and why', async () => {
    await serve(throwError(() => new Error('disk gone')));
    const [message, ...rest] = await all(received());
    expect([message!.event, JSON.parse(message!.data), rest]).toStrictEqual(['failed', 'Error: disk gone', []]);
  });

  it('runs once for all, and stops training when it is closed', async () => {
    let [begun, ended] = [0, 0];
    await serve(
      defer(() => {
        begun += 1;
        return spiralRun(tf).pipe(finalize(() => (ended += 1)));
      }),
    );
    const clients = [received(), received()];
    for (const client of clients) expect(stepOf((await client.next()).value as Message)).toBe(1);
    await Promise.all(clients.map((client) => client.return(undefined)));
    await server.close();
    expect([begun, ended]).toStrictEqual([1, 1]);
  });

  it('has a page that listens', async () => {
    await serve(from(steps(1, 1)));
    const page = await fetch(url);
    expect(page.headers.get('content-type')).toMatch('text/html');
    expect(await page.text()).toContain("new EventSource('events')");
  });
});
