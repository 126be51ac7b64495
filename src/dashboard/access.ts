import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Why a request is not answered. */
export interface Refusal {
  readonly status: number;
  readonly why: string;
}

/**
 * What must not come from elsewhere: requests under another name (DNS rebinding), and from other sites' pages. A page may be navigated to from anywhere.
 *
 * @param host - The name that the server was told to listen on.
 */
export function refusal({ headers, method }: IncomingMessage, host: string): Refusal | undefined {
  const name = hostName(headers.host);
  if (!name || !(name === 'localhost' || name === host || isIP(name)))
    return { status: 421, why: 'the Host must be localhost, an address, or the host that the dashboard listens on' };
  if (headers.origin !== undefined && headers.origin !== `http://${headers.host}`)
    return { status: 403, why: 'other origins are refused' };
  const site = headers['sec-fetch-site'];
  const isVisit =
    method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isVisit)
    return { status: 403, why: 'other sites are refused' };
  return undefined;
}

/** Whether a request bears the token, found out in the same time whatever it bears. */
export function bears(headers: IncomingHttpHeaders, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(headers.authorization ?? ''), digest(`Bearer ${token}`));
}

/** The name in a Host header, without port and brackets. */
function hostName(host = ''): string {
  return /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(host.toLowerCase())?.slice(1).find(Boolean) ?? '';
}
