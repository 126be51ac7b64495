import { Observable } from 'rxjs';

import { idOf } from '../positions.js';
import type { Command, Position, RunInfo, Rows, Series } from '../protocol.js';
import type { View } from './view.js';

/** What comes live. */
export type Message =
  | { readonly type: 'runs'; readonly runs: readonly RunInfo[] }
  | ({ readonly type: 'rows' } & Rows)
  | { readonly type: 'reload'; readonly run: string }
  | { readonly type: 'connected' }
  | { readonly type: 'lost' };

/** The token from the address, which is kept for this tab only, and not shown any longer. */
function takeToken(): string {
  const given = location.hash.slice(1);
  if (given) {
    sessionStorage.setItem('token', given);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem('token') ?? '';
}
const token = takeToken();

/** A run, as much of it as can be seen. */
export async function fetchSeries(run: string, { range, alpha, every }: View, pixels: number): Promise<Series> {
  const query = new URLSearchParams({ run, alpha: String(alpha), every: String(every), pixels: String(pixels) });
  if (range) {
    query.set('from', String(Math.max(0, range[0])));
    query.set('to', String(range[1]));
  }
  const response = await fetch(`api/series?${query}`);
  if (!response.ok) throw new Error(await problemOf(response));
  return (await response.json()) as Series;
}

/** Uses a control of the run. */
export async function send(command: Command): Promise<void> {
  const response = await fetch('api/control', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(command),
  });
  if (!response.ok) throw new Error(await problemOf(response));
}

/** What comes after the positions; the browser reconnects by itself, and says where it was. */
export function live(positions: ReadonlyMap<string, Position>): Observable<Message> {
  return new Observable((subscriber) => {
    const source = new EventSource(`api/live?${new URLSearchParams({ after: idOf(positions) })}`);
    const data = (event: Event): unknown => JSON.parse((event as MessageEvent<string>).data);
    source.addEventListener('runs', (event) => subscriber.next({ type: 'runs', runs: data(event) as RunInfo[] }));
    source.addEventListener('rows', (event) => subscriber.next({ type: 'rows', ...(data(event) as Rows) }));
    source.addEventListener('reload', (event) => subscriber.next({ type: 'reload', run: data(event) as string }));
    source.addEventListener('open', () => subscriber.next({ type: 'connected' }));
    source.addEventListener('error', () => subscriber.next({ type: 'lost' }));
    return () => source.close();
  });
}

async function problemOf(response: Response): Promise<string> {
  const { error } = (await response.json().catch(() => ({}))) as { error?: string };
  return error ?? `${response.status} ${response.statusText}`;
}
