import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A place for a file that is not there yet, in a folder that is not there yet either. */
export function freshFile(name: string): { path: string; open: () => number; dispose: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'gradstream-sink-'));
  return {
    path: join(root, 'a', 'b', name),
    open: () => openBelow(root),
    dispose: () => rmSync(root, { recursive: true }),
  };
}

/** How many files below a folder this process has open; Linux tells. */
function openBelow(folder: string): number {
  if (process.platform !== 'linux') return 0;
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false; // the one that lists the folder
    }
  }).length;
}
