type Place = [globalStep: number, value: number];

/** What can be read off a picture that `plotRun` has drawn, as by eye: places come from the labels of the axes of its first panel. */
export function svgPicture(svg: string) {
  const elements = [...svg.matchAll(/<(svg|text|path)\b([^>]*)>([^<]*)/g)].map(([, tag, attributes, text]) => ({
    tag,
    text: text!,
    of: (name: string): string => new RegExp(` ${name}="([^"]*)"`).exec(attributes!)?.[1] ?? '',
    at: (/(?:translate|matrix)\((?:\S+,)?(-?[\d.]+)[ ,](-?[\d.]+)\)/.exec(attributes!) ?? []).slice(1).map(Number),
  }));
  const texts = elements.filter(({ tag }) => tag === 'text');
  const labels = (anchor: string, axis: 0 | 1): [pixel: number, value: number][] =>
    texts.flatMap(({ text, of, at }) =>
      of('text-anchor') === anchor && /^-?[\d,.]+$/.test(text) ? [[at[axis]!, Number(text.replaceAll(',', ''))]] : [],
    );
  const steps = labels('middle', 0);
  const allValues = labels('end', 1);
  // From the bottom of the first panel to its top; below it the next begins.
  const values = allValues.slice(0, allValues.findIndex(([at], i) => i > 0 && at > allValues[i - 1]![0]) >>> 0);
  const place = (pair: readonly string[] | readonly number[]): Place => [
    between(steps, Number(pair[0])),
    between(values, Number(pair[1])),
  ];
  const paths = elements.filter(({ tag, of }) => tag === 'path' && of('ecmeta_ssr_type') !== 'legend');
  const shapes = (attribute: string, colour: string) => paths.filter(({ of }) => of(attribute) === colour);

  return {
    size: ['width', 'height'].map((name) => Number(elements[0]!.of(name))),
    texts: texts.map(({ text }) => text),
    steps: steps.map(([, value]) => value),
    values: values.map(([, value]) => value),
    /** The lines of a colour; each piece between gaps by itself. */
    lines: (colour: string): Place[][] =>
      shapes('stroke', colour).flatMap(({ of }) =>
        [...of('d').matchAll(/M([^M]+)/g)].map(([, piece]) => piece!.split('L').map((pair) => place(pair.split(' ')))),
      ),
    /** The circles and crosses of a colour, by their middle. */
    marks: (colour: string): Place[] =>
      shapes('fill', colour).flatMap(({ at, of }) => (of('transform').startsWith('matrix') ? [place(at)] : [])),
    /** The squares of a cloud, by their upper left corner. */
    cloud: (colour: string): Place[] =>
      shapes('fill', colour).flatMap(({ of }) =>
        [...of('d').matchAll(/M([\d.]+) ([\d.]+)l/g)].map(([, x, y]) => place([Number(x), Number(y)])),
      ),
  };
}

/** The value at a pixel, on the straight line through the outer labels. */
function between(labels: readonly [pixel: number, value: number][], at: number): number {
  const [[p0, v0], [p1, v1]] = [labels[0]!, labels.at(-1)!];
  return v0 + ((at - p0) / (p1 - p0)) * (v1 - v0);
}
