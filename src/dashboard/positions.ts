import type { Position } from './protocol.js';

/** Where a reader stands in each run, by name. */
export type Positions = ReadonlyMap<string, Position>;

/** As the id of an event, which browsers give back when they reconnect. */
export function idOf(positions: Positions): string {
  return [...positions]
    .map(([name, { generation, count }]) => `${encodeURIComponent(name)}=${generation}.${count}`)
    .join('&');
}

/** What an id says; what cannot be read is left out, and told from the start. */
export function positionsIn(id: string): Map<string, Position> {
  const positions = new Map<string, Position>();
  for (const [name, text] of new URLSearchParams(id)) {
    const match = /^(\d{1,15})[.](\d{1,15})$/.exec(text);
    if (match) positions.set(name, { generation: Number(match[1]), count: Number(match[2]) });
  }
  return positions;
}
