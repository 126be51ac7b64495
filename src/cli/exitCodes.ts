/** What the process says when it ends; those of signals are the shells' convention. */
export const EXIT = { failed: 1, usage: 2, SIGINT: 130, SIGTERM: 143 } as const;

/** The table of them, for help. */
export const EXIT_HELP = `
Exit codes:
  0    done
  1    it failed, and the last line on stderr says why
  2    the command line or the config asks for what cannot be; nothing was begun
  130  Ctrl-C (SIGINT): after the first, a run has been saved and can go on with --resume
  143  the same for SIGTERM`;
