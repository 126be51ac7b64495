import { createLogUpdate } from 'log-update';

/** A line at the bottom of a terminal that is drawn over itself. */
export interface LiveLine {
  /** What does not fit on one row is cut off: a character each, without colours. */
  draw(this: void, line: string): void;
  /** Prints a line for good, above it. */
  print(this: void, line: string): void;
  /** Takes it away. */
  clear(this: void): void;
  /** Leaves it as it stands. */
  done(this: void): void;
}

/** How wide a terminal is. */
export function columnsOf(stream: NodeJS.WriteStream): number {
  return stream.columns || 80; // 0 where a terminal does not know its size
}

export function liveLine(stream: NodeJS.WriteStream): LiveLine {
  // The cursor stays as it is, so that nothing has to bring it back, however the process ends.
  const update = createLogUpdate(stream, { showCursor: true });
  let shown = '';

  const clear = (): void => {
    update.clear();
    // A terminal that has become narrower since has broken the line into several rows.
    const rows = Math.ceil(shown.length / columnsOf(stream));
    if (rows > 1) {
      stream.moveCursor(0, 1 - rows);
      stream.clearScreenDown();
    }
    shown = '';
  };
  const draw = (line: string): void => {
    if (shown.length > columnsOf(stream)) clear();
    shown = line.slice(0, columnsOf(stream));
    update(shown);
  };
  return {
    draw,
    print: (line) => {
      const drawn = shown;
      clear();
      stream.write(`${line}\n`);
      if (drawn !== '') draw(drawn);
    },
    clear,
    done: () => {
      update.done();
      shown = '';
    },
  };
}
