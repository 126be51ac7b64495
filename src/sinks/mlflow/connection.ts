import { ArgumentError } from '../../core/errors.js';

/** Where a server is and what goes along with each request. */
export interface Connection {
  /** Ends with a slash. */
  readonly root: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * A server as it is given, or as MLflow's own client finds it: `MLFLOW_TRACKING_URI`, and, where the address has no name and password,
 * `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, or else `MLFLOW_TRACKING_TOKEN`. Headers that are given come last.
 *
 * @throws {@link ArgumentError}, if there is no address of HTTP.
 */
export function connectionTo(url: string | undefined, headers: Readonly<Record<string, string>>): Connection {
  const address = url ?? setting('URI') ?? '';
  const root = URL.canParse(address) ? new URL(address) : undefined;
  if (!root || !/^https?:$/.test(root.protocol))
    throw new ArgumentError(
      `mlflow: url, or else MLFLOW_TRACKING_URI, must be the address of a server (http://127.0.0.1:5000), received '${address}'`,
    );
  const [name, password] = [root.username, root.password].map(decodeURIComponent) as [string, string];
  const authorization = name
    ? basic(name, password)
    : setting('USERNAME') && setting('PASSWORD')
      ? basic(setting('USERNAME')!, setting('PASSWORD')!)
      : setting('TOKEN') && `Bearer ${setting('TOKEN')!}`;
  const own = Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value] as const);
  const folder = root.pathname.endsWith('/') ? root.pathname : `${root.pathname}/`;
  return {
    root: new URL(folder, root.origin),
    headers: { ...(authorization && { authorization }), ...Object.fromEntries(own) },
  };
}

/** Of the environment, which browsers do not have. */
function setting(name: string): string | undefined {
  return globalThis.process?.env?.[`MLFLOW_TRACKING_${name}`] || undefined;
}

function basic(name: string, password: string): string {
  const bytes = new TextEncoder().encode(`${name}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}
