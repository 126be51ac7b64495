/** A step of the install that failed; `remedy` says what to do, a package to install or a command. */
export class InstallError extends Error {
  override readonly name = 'InstallError';

  constructor(
    message: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${message}: ${remedy}`, options);
  }
}

/** A disk that is full, wherever in the install it was found. */
export function diskFull(folder: string, cause?: unknown): InstallError {
  return new InstallError(
    `no space is left on the disk of ${folder}`,
    'make room, and run the command again; it goes on where it stopped',
    { cause },
  );
}
