/** A place in a panel: a global step, and a value there; NaN where there is none. */
export type Point = [x: number, y: number];

/**
 * Of points that share a place along the axis the first, the lowest, the highest, one that is NaN, and the last, in their order.
 *
 * A picture has so many columns of pixels, and these tell all of a column that can be seen: a line through them is where the line through all is.
 */
export function thinned(points: readonly Point[], places: number): Point[] {
  const size = Math.ceil(points.length / places);
  if (size <= 4) return [...points];
  return Array.from({ length: Math.ceil(points.length / size) }, (_, place) => {
    const [start, end] = [place * size, Math.min(points.length, (place + 1) * size)];
    let [low, high, gap] = [start, start, start];
    for (let i = start; i < end; i += 1) {
      const y = points[i]![1];
      if (Number.isNaN(y)) gap = i;
      if (!(y >= points[low]![1]) && !Number.isNaN(y)) low = i;
      if (!(y <= points[high]![1]) && !Number.isNaN(y)) high = i;
    }
    const kept = new Set([start, low, high, gap, end - 1]);
    return [...kept].sort((a, b) => a - b).map((i) => points[i]!);
  }).flat();
}
