import { request, type IncomingMessage } from 'node:http';

/** A message of a stream of server-sent events. */
export interface Message {
  readonly id?: string;
  readonly event: string;
  readonly data: unknown;
}

/** A page's connection: what has come so far, and its end. */
export interface Listening {
  readonly messages: readonly Message[];
  close(): void;
}

/** Listens as a browser's EventSource does: from an id on, when it comes back. */
export async function listen(
  base: string,
  { after, lastEventId }: { after?: string; lastEventId?: string },
): Promise<Listening> {
  const messages: Message[] = [];
  const url = new URL('/api/live', base);
  if (after !== undefined) url.searchParams.set('after', after);
  const asking = request(url, {
    agent: false,
    headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
  });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    asking.on('response', resolve).on('error', reject).end();
  });
  let rest = '';
  response.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n\n');
    rest = parts.pop()!;
    for (const part of parts) {
      const fields = Object.fromEntries(part.split('\n').map((line) => line.split(/: ?(.*)/s).slice(0, 2))) as Record<
        string,
        string
      >;
      if (fields['event'])
        messages.push({
          ...(fields['id'] !== undefined && { id: fields['id'] }),
          event: fields['event'],
          data: JSON.parse(fields['data']!),
        });
    }
  });
  response.on('error', () => undefined);
  return { messages, close: () => asking.destroy() };
}
