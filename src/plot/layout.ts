import { ArgumentError } from '../core/errors.js';

/** What is around the panels. */
export interface Frame {
  readonly title: string;
  readonly width: number;
  readonly height: number;
}

/** Where something is, in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Where everything is. */
export interface Layout {
  readonly legend: Box;
  readonly boxes: readonly Box[];
}

const MARGIN = { left: 64, right: 28, bottom: 52 };
/** Room above a panel, for its name. */
const GAP = 34;
/** The first panel is as high as so many others, none of which is lower than the least that can be read. */
const [FIRST, LEAST] = [2, 40];
/** The legend in pixels: a line of it; around the text of an item; and a letter, as fonts like Helvetica are wide. */
const LEGEND = { line: 28, item: 22 + 5 + 14, letter: 7 };

/** How wide the part is that curves are drawn in. */
export function plotWidth(width: number): number {
  return Math.max(1, width - MARGIN.left - MARGIN.right);
}

/**
 * Where legend and panels are: below each other, as wide as each other.
 *
 * @throws {@link ArgumentError} if there is no room for them.
 */
export function layout({ title, width, height }: Frame, names: readonly string[], panels: number): Layout {
  const across = { left: MARGIN.left, width: plotWidth(width) };
  const lines = linesOf(names, across.width);
  const legend: Box = { ...across, top: title ? 56 : 14, height: LEGEND.line * lines };
  const top = legend.top + legend.height;
  const unit = (height - top - MARGIN.bottom - GAP * panels) / (panels - 1 + FIRST);
  if (unit < LEAST) {
    const least = Math.ceil(height + (LEAST - unit) * (panels - 1 + FIRST));
    throw new ArgumentError(
      `plotRun: height must be at least ${least} for all that is to be in it, received ${height}`,
    );
  }
  const boxes = Array.from({ length: panels }, (_, i): Box => {
    const above = i === 0 ? 0 : unit * (FIRST + i - 1);
    return { ...across, top: top + GAP * (i + 1) + above, height: i === 0 ? unit * FIRST : unit };
  });
  return { legend, boxes };
}

/** How many lines the legend's items fill. */
function linesOf(names: readonly string[], width: number): number {
  let [lines, used] = [1, 0];
  for (const name of names) {
    const item = LEGEND.item + LEGEND.letter * name.length;
    if (used > 0 && used + item > width) [lines, used] = [lines + 1, 0];
    used += item;
  }
  return lines;
}
