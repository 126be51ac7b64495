import { open, stat } from 'node:fs/promises';

/** What becomes of the lines of a file that is followed. */
export interface LineTaker {
  readonly line: (text: string) => void;
  /** The file is another, or has been cut: its lines come from the first on again. */
  readonly restart: () => void;
}

/** A file that grows. */
export interface FollowedFile {
  /** Gives the lines that have been ended since. */
  readOn(): Promise<void>;
  /** When it was last written to, in milliseconds. */
  readonly changedMs: number;
}

const CHUNK = 2 ** 18;

/** Follows the lines of a file, which may be replaced; a line without its end is not given until it has one. */
export function followLines(path: string, { line, restart }: LineTaker): FollowedFile {
  const buffer = new Uint8Array(CHUNK);
  let decoder = new TextDecoder();
  let [file, read, rest, changedMs] = ['', 0, '', 0];

  return {
    get changedMs() {
      return changedMs;
    },
    readOn: async () => {
      const seen = await stat(path);
      if (seen.mtimeMs === changedMs && seen.size === read) return;
      const opened = await open(path);
      try {
        const { ino, birthtimeMs, size, mtimeMs } = await opened.stat();
        const now = `${ino} ${birthtimeMs}`; // numbers of files that are gone are given again
        if (now !== file || size < read) {
          if (file !== '') restart();
          [file, read, rest, decoder] = [now, 0, '', new TextDecoder()];
        }
        changedMs = mtimeMs;
        for (;;) {
          const { bytesRead } = await opened.read(buffer, 0, CHUNK, read);
          if (bytesRead === 0) return;
          read += bytesRead;
          const lines = (rest + decoder.decode(buffer.subarray(0, bytesRead), { stream: true })).split('\n');
          rest = lines.pop()!;
          lines.forEach(line);
        }
      } finally {
        await opened.close();
      }
    },
  };
}
