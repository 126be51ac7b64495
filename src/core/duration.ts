import { ArgumentError } from './errors.js';

const UNITS = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3 } as const;

/** A duration: milliseconds, or a number with a unit: '90s', '2.5h'. */
export type Duration = number | `${number}${keyof typeof UNITS}`;

/** A duration in milliseconds, above 0. */
export function durationMs(duration: Duration, label: string): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(String(duration)) ?? [];
  const ms = typeof duration === 'number' ? duration : Number(count) * UNITS[unit as keyof typeof UNITS];
  if (ms > 0 && ms < Infinity) return ms;
  throw new ArgumentError(
    `${label} must be milliseconds above 0, or a number with ms, s, m, h or d such as '90s', received ${String(duration)}`,
  );
}
