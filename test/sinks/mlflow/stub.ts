import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What was asked of the stub. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly atMs: number;
}

/** What the stub does instead of answering as MLflow would: a status and a text, or anything with the response; undefined for MLflow's answer. */
export type Fault = (asked: Asked) => readonly [number, string] | ((response: ServerResponse) => void) | undefined;

/** A server that answers as MLflow does where all is well, but for its faults. */
export interface Stub {
  readonly url: string;
  readonly asked: Asked[];
  /** The last part of the paths that were asked for. */
  calls(): string[];
  fault: Fault;
  stop(): Promise<void>;
}

const ANSWERS: Record<string, object> = {
  'get-by-name': { experiment: { experiment_id: '1' } },
  create: { run: { info: { run_id: 'r', artifact_uri: 'mlflow-artifacts:/1/r/artifacts' } } },
};

export async function startStub(): Promise<Stub> {
  const server = createServer((request, response) => {
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const text = Buffer.concat(parts).toString();
      const isJson = text.startsWith('{') && request.headers['content-type'] === 'application/json';
      const body = (isJson ? JSON.parse(text) : {}) as Asked['body'];
      const asked = { method: request.method!, path: request.url!, headers: request.headers, text, body, atMs: performance.now() }; // prettier-ignore
      stub.asked.push(asked);
      const fault = stub.fault(asked);
      if (typeof fault === 'function') return fault(response);
      const [status, said] = fault ?? [200, JSON.stringify(ANSWERS[nameOf(asked)] ?? {})];
      response.writeHead(status, { 'content-type': 'application/json' }).end(said);
    })();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const stub: Stub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    calls: () => stub.asked.map(nameOf),
    fault: () => undefined,
    stop: async () => {
      const closed = once(server.close(), 'close');
      server.closeAllConnections();
      await closed;
    },
  };
  return stub;
}

export function nameOf({ path }: Asked): string {
  return new URL(path, 'http://a').pathname.split('/').at(-1)!;
}
