import { CommanderError } from 'commander';

import { ConfigError } from '../config/configError.js';
import { ArgumentError } from '../core/errors.js';
import { isUnread } from './output.js';

/** What the process says when it ends; those of signals are the shells' convention. */
export const EXIT = { failed: 1, usage: 2, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;

/** The table of them, for help. */
export const EXIT_HELP = `
Exit codes:
  0    done
  1    it failed, and the last line on stderr says why
  2    the command line or the config asks for what cannot be; nothing was begun
  130  Ctrl-C (SIGINT): after the first, a run has been saved and can go on with --resume
  141  nobody reads the output any more, as behind head (SIGPIPE); a run has been saved, too
  143  as 130, for SIGTERM`;

/** What the process says when it ends by an error. */
export function exitCodeOf(error: unknown): number {
  if (isUnread(error)) return EXIT.SIGPIPE;
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  return error instanceof ConfigError || error instanceof ArgumentError ? EXIT.usage : EXIT.failed;
}
