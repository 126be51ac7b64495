import type { Checkpoint } from './snapshot.js';
import { tensors } from './tensors.js';

/** gradstream's own; a test holds it to package.json's. */
export const VERSION = '0.1.0';

/** What a run is computed with now. */
export function versions(): Record<string, string> {
  return { gradstream: VERSION, ...tensors().about() };
}

/** Says on the console if a run goes on with something else than it was saved with: it is the same run, but not bit for bit. */
export function sayOtherVersions({ versions: saved }: Checkpoint): void {
  if (!saved) return;
  const now = versions();
  const others = Object.keys(saved).filter((name) => saved[name] !== now[name]);
  if (others.length === 0) return;
  const list = others.map((name) => `${name} ${now[name] ?? 'none'} (saved with ${saved[name]})`);
  console.warn(`fromPull: the run goes on with ${list.join(', ')}: it need not be equal bit for bit`);
}
