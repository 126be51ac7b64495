import { defer, firstValueFrom, retry, throwError, timer } from 'rxjs';

import { ArgumentError, assertPositive, assertPositiveInteger, messageOf } from '../../core/errors.js';
import { MlflowError } from './mlflowError.js';

/** A tracking server, and how patiently it is asked. */
export interface MlflowServer {
  /** Where it is: `http://127.0.0.1:5000`. */
  readonly url: string;
  /** Sent along with every request: `{ authorization: 'Bearer …' }`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How often a request is tried again while the server is away; 6 unless given. */
  readonly times?: number;
  /** How long is waited before that, in milliseconds, twice as long each time; 1000 unless given, which bridges a minute in all. */
  readonly delayMs?: number;
}

/** What is asked of a server. */
export interface Requests {
  /** A call of the REST API, by the path behind `api/2.0/`: POST with a body, GET without; undefined if there is no such thing. */
  call<T>(path: string, body?: object): Promise<T | undefined>;
  /** Puts bytes at an address of the server's. */
  put(path: string, bytes: Uint8Array): Promise<void>;
}

/** Statuses that say "later": a second try may help. */
const LATER = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Asks a server over HTTP, and again while it is away.
 *
 * Asking twice does no harm where the first answer was lost: to MLflow, a metric of the same step, time and value is the same metric.
 */
export function requestsTo({ url, headers = {}, times = 6, delayMs = 1000 }: MlflowServer): Requests {
  if (!URL.canParse(url)) throw new ArgumentError(`mlflow: url must be that of a server, received '${url}'`);
  assertPositiveInteger(times, 'mlflow: times');
  assertPositive(delayMs, 'mlflow: delayMs');
  const root = new URL(url.endsWith('/') ? url : `${url}/`);

  const ask = async (path: string, init: RequestInit): Promise<Response> => {
    const answer = await fetch(new URL(path, root), init).catch((cause: unknown) => {
      throw new MlflowError(
        `mlflow: ${root.origin} must answer, it does not: ${reasonOf(cause)}`,
        undefined,
        undefined,
        {
          cause,
        },
      );
    });
    if (!answer.ok) throw await refusal(answer, path);
    return answer;
  };
  const insisting = <T>(work: () => Promise<T>): Promise<T> => {
    const delay = (error: unknown, attempt: number) => {
      const { status } = error as Partial<MlflowError>;
      const hopeless = !(error instanceof MlflowError) || (status !== undefined && !LATER.has(status));
      return hopeless ? throwError(() => error) : timer(delayMs * 2 ** (attempt - 1));
    };
    return firstValueFrom(defer(work).pipe(retry({ count: times, delay })));
  };
  return {
    call: <T>(path: string, body?: object) =>
      insisting(async () => {
        const request = body && {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { ...headers, 'content-type': 'application/json' },
        };
        try {
          return (await (await ask(`api/2.0/${path}`, request ?? { headers })).json()) as T;
        } catch (error) {
          if (error instanceof MlflowError && error.code === 'RESOURCE_DOES_NOT_EXIST') return undefined;
          throw error;
        }
      }),
    put: (path, bytes) =>
      insisting(async () => {
        const type = { 'content-type': 'application/octet-stream' };
        await ask(path, { method: 'PUT', body: bytes as BodyInit, headers: { ...headers, ...type } });
      }),
  };
}

async function refusal(answer: Response, path: string): Promise<MlflowError> {
  const text = await answer.text().catch(messageOf);
  let said: { error_code?: string; message?: string } = {};
  try {
    said = JSON.parse(text) as typeof said;
  } catch {
    // a proxy in between, say, answers in a language of its own
  }
  const message = `mlflow: the server must take ${path}, it answers ${answer.status}: ${said.message ?? text.slice(0, 300)}`;
  return new MlflowError(message, answer.status, said.error_code);
}

/** Node's fetch says "fetch failed", and why in the cause. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  return cause instanceof Error ? cause.message || String((cause as { code?: unknown }).code) : messageOf(error);
}
