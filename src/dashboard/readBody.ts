import type { IncomingMessage } from 'node:http';

import { Refused } from './refused.js';

/** More than any command needs. */
const MOST_BYTES = 1024;

/** The body of a request, which may not be long; whoever sends more is not read to the end. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Refused(413, `the body must be at most ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
