import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';

import fastify, { type FastifyInstance } from 'fastify';
import { firstValueFrom, Subject, type Observable } from 'rxjs';
import { eventLine, type TrainingEvent } from 'gradstream';

const PAGE = `<!doctype html><title>A run</title><pre id="log"></pre><script>
  const source = new EventSource('events');
  source.onmessage = ({ data }) => {
    const { type, globalStep, loss } = JSON.parse(data);
    if (type !== 'step' || globalStep % 10 === 0) log.append(type + ' ' + globalStep + ' ' + (loss ?? '') + '\\n');
  };
</script>`;

/**
 * A server that runs `run$` once and streams its events to however many clients, as server-sent events.
 *
 * Every client gets all of them, in order: one that comes late what came before, and one that comes back (`Last-Event-ID`, which browsers send by themselves)
 * what it has missed. Each is sent as fast as it reads, and the run waits for none.
 */
export function eventServer(run$: Observable<TrainingEvent>): FastifyInstance {
  const name = randomUUID(); // so that a client of another run, before the server was started anew, gets this one from its start
  const messages: string[] = []; // the event that a client has read last is a place in here
  const change$ = new Subject<void>();
  let isOver = false;

  const add = (lines: string): void => {
    messages.push(`id: ${name}/${messages.length}\n${lines}\n\n`);
    change$.next();
  };
  const end = (): void => {
    isOver = true;
    change$.next();
  };
  const run = run$.subscribe({
    next: (event) => add(`data: ${eventLine(event)}`),
    error: (error: unknown) => {
      add(`event: failed\ndata: ${JSON.stringify(String(error))}`);
      end();
    },
    complete: end,
  });

  async function* since(at: number): AsyncGenerator<string> {
    yield 'retry: 1000\n\n'; // when to come back, in milliseconds; and the answer begins at once
    for (; at < messages.length || !isOver; at += 1) {
      while (at === messages.length && !isOver) await firstValueFrom(change$);
      if (at < messages.length) yield messages[at]!;
    }
  }
  const app = fastify({ forceCloseConnections: true });
  app.addHook('onClose', () => {
    run.unsubscribe();
    end();
  });
  app.get('/', (_, reply) => reply.type('text/html').send(PAGE));
  app.get('/events', ({ headers }, reply) => {
    const [of, last] = String(headers['last-event-id']).split('/');
    const at = of === name ? Number(last) + 1 : 0;
    if (isOver && at >= messages.length) return reply.code(204).send(); // which tells a browser not to come back
    return reply
      .headers({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      .send(Readable.from(since(at)));
  });
  return app;
}
