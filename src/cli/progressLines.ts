import type { Progress } from '../engine/node/install/installNative.js';
import { liveLine } from '../sinks/liveLine.js';

/** Shows how an install gets on. */
export interface ProgressLines {
  readonly report: (progress: Progress) => void;
  readonly done: () => void;
  readonly failed: () => void;
}

/**
 * One line for each step: on a terminal it stays and its numbers change, elsewhere it is printed when the step is over.
 */
export function progressLines(stream: NodeJS.WriteStream): ProgressLines {
  const live = stream.isTTY ? liveLine(stream) : undefined;
  let began = performance.now();
  let current: Progress | undefined;

  const line = (mark: string, { step, steps, what, megabytes, ofMegabytes }: Progress): string => {
    const size = megabytes ? `  ${megabytes.toFixed(0)}${ofMegabytes ? ` of ${ofMegabytes.toFixed(0)}` : ''} MB` : '';
    return `${mark} ${step}/${steps} ${what}${size}  ${((performance.now() - began) / 1000).toFixed(1)} s`;
  };
  const finish = (mark: string): void => {
    if (!current) return;
    live?.clear();
    stream.write(`${line(mark, current)}\n`);
    current = undefined;
  };
  return {
    report: (progress) => {
      if (current?.what !== progress.what) {
        finish('✓');
        began = performance.now();
      }
      current = progress;
      live?.draw(line('·', progress));
    },
    done: () => finish('✓'),
    failed: () => finish('✗'),
  };
}
