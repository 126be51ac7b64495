import { clearScreenDown, moveCursor } from 'node:readline';
import { Writable } from 'node:stream';

import xterm from '@xterm/headless';

/** A terminal to write to, and what there is to be seen on it. */
export function terminal(columns = 100, rows = 30) {
  const emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true });
  let written = '';
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      written += chunk.toString();
      emulator.write(chunk, () => done());
    },
  });
  const tty = Object.assign(stream, {
    isTTY: true,
    columns,
    rows,
    moveCursor: (dx: number, dy: number) => moveCursor(stream, dx, dy),
    clearScreenDown: () => clearScreenDown(stream),
  });
  const settled = () => new Promise<void>((resolve) => stream.write('', () => resolve()));
  return {
    stream: tty as unknown as NodeJS.WriteStream,
    /** The lines on the screen and those that have left it, without the empty ones behind. */
    lines: async (): Promise<string[]> => {
      await settled();
      const { active } = emulator.buffer;
      const all = Array.from({ length: active.length }, (_, i) => active.getLine(i)!.translateToString(true));
      return all.slice(0, all.findLastIndex((line) => line !== '') + 1);
    },
    /** All that came, with what moves the cursor. */
    written: async (): Promise<string> => {
      await settled();
      return written;
    },
    resize: async (to: number): Promise<void> => {
      await settled();
      tty.columns = to;
      emulator.resize(to, rows);
    },
  };
}
