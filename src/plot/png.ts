import { messageOf } from '../core/errors.js';

/** An SVG as the bytes of a PNG of the same size, with the fonts of this machine. */
export async function png(svg: string): Promise<Uint8Array> {
  const { Resvg } = await import('@resvg/resvg-js').catch((cause: unknown) => {
    throw new Error(`plotRun: a PNG needs the package '@resvg/resvg-js' (npm install it): ${messageOf(cause)}`, {
      cause,
    });
  });
  // Without any font it would leave out every text, and say nothing.
  const word = '<svg xmlns="http://www.w3.org/2000/svg"><text y="9">a</text></svg>';
  if (!new Resvg(word).getBBox())
    throw new Error('plotRun: a PNG needs a font, there is none here; on Debian: apt-get install fonts-liberation');
  return new Resvg(svg).render().asPng();
}
