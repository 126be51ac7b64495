import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

/** What a request says; everything may be a lie, as a browser's cannot. */
export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Asks a server, with a path that is sent as it is. */
export async function ask(base: string, path: string, asked: Asked = {}): Promise<Answer> {
  const response = await open(base, path, asked);
  return { status: response.statusCode!, headers: response.headers, body: await text(response) };
}

/** Asks, and leaves the answer's body to be read. */
export async function open(
  base: string,
  path: string,
  { method = 'GET', headers, body }: Asked = {},
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(base);
  const asking = request({
    agent: false,
    hostname: hostname.replace(/[[\]]/g, ''),
    port,
    path,
    method,
    ...(headers && { headers }),
  });
  asking.end(body);
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  return response;
}

/** The token in the address that the dashboard prints. */
export const tokenIn = (url: string): string => new URL(url).hash.slice(1);
