import { spawn } from 'node:child_process';

import { diskFull, InstallError } from './installError.js';

/** How a tool is run. */
export interface ToolOptions {
  readonly cwd: string;
  /** What to do if the tool is not there. */
  readonly missing: string;
  /** What to do if it fails. */
  readonly failing: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  /** Hears what the tool prints, as it comes. */
  readonly onOutput?: (text: string) => void;
}

/** How much of what a failed tool has printed an error repeats. */
const LAST_LINES = 12;

/**
 * Runs a tool and gives what it printed.
 *
 * @throws {@link InstallError} (rejects) if it is not there, fails, or finds the disk full.
 */
export function runTool(tool: string, args: readonly string[], options: ToolOptions): Promise<string> {
  const { cwd, missing, failing, env, signal, onOutput } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(signal && { signal }),
    });
    let printed = '';
    const hear = (text: Buffer): void => {
      printed += String(text);
      onOutput?.(String(text));
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', (cause: NodeJS.ErrnoException) => {
      reject(cause.code === 'ENOENT' ? new InstallError(`${tool} was not found`, missing, { cause }) : cause);
    });
    child.on('close', (code, killedBy) => {
      if (code === 0) return resolve(printed);
      if (/no space left|ENOSPC/i.test(printed)) return reject(diskFull(cwd));
      const what = [tool, ...args.filter((arg) => /^[a-z]+$/.test(arg)).slice(0, 2)].join(' ');
      const said = printed.trim().split('\n').slice(-LAST_LINES).join('\n');
      reject(new InstallError(`${what} failed (${killedBy ?? `exit ${code}`})`, failing, { said }));
    });
  });
}
