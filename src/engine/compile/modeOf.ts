import type { Mode } from './program.js';

/** What becomes of the gradients of a pass that opens a window or not, and has a share in it. */
export function modeOf(opens: boolean, share: number): Mode {
  if (share === 0) return opens ? 'zero' : 'skip';
  if (opens) return 'open';
  return share === 1 ? 'add' : 'scaled';
}
