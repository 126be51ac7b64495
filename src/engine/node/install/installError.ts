/** A step of the install that failed; `remedy` says what to do, a package to install or a command. */
export class InstallError extends Error {
  override readonly name = 'InstallError';

  /** `said` is what a tool has printed; the message ends with it. */
  constructor(
    message: string,
    readonly remedy: string,
    { said, cause }: { said?: string; cause?: unknown } = {},
  ) {
    super(`${message}: ${remedy}${said ? `\n${said.trim().replaceAll(/^/gm, '  ')}` : ''}`, { cause });
  }
}

/** A disk without enough room, wherever in the install it was found. */
export function diskFull(folder: string, gigabytes?: number): InstallError {
  const needed = gigabytes === undefined ? '' : ` for the ${gigabytes} GB that are needed`;
  return new InstallError(
    `there is no space left${needed} on the disk of ${folder}`,
    'make room, and run the command again; what was downloaded is kept',
  );
}

/** What the system has refused, in words that say what to do. */
export function explained(error: unknown, folder: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return diskFull(folder);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new InstallError(`nothing may be written to ${folder}`, 'run it as the user who owns that folder', {
      cause: error,
    });
  return error;
}
