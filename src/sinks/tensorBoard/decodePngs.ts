import { ArgumentError } from '../../core/errors.js';

/** A PNG as it is stored, with its size in pixels. */
export interface Png {
  readonly bytes: Uint8Array;
  readonly width: number;
  readonly height: number;
}

const HEAD = 'data:image/png;base64,';
const SIGNATURE = '\x89PNG\r\n\x1a\n';

/**
 * The PNGs in data URLs, all of one size.
 *
 * @throws {@link ArgumentError}, beginning with `label`, if one is no PNG, or of another size than the first, or there is none.
 */
export function decodePngs(urls: readonly string[], label: string): [Png, ...Png[]] {
  const [first, ...others] = urls.map((url, i) => decodePng(url, `${label}[${i}]`));
  if (!first) throw new ArgumentError(`${label} must hold at least one image, received none`);
  others.forEach(({ width, height }, i) => {
    if (width === first.width && height === first.height) return;
    const sizes = `${first.width}×${first.height} and, as number ${i + 1}, ${width}×${height}`;
    throw new ArgumentError(`${label} must be of one size, received ${sizes}`);
  });
  return [first, ...others];
}

function decodePng(url: unknown, label: string): Png {
  const bytes =
    typeof url === 'string' && url.startsWith(HEAD) ? Buffer.from(url.slice(HEAD.length), 'base64') : undefined;
  if (!bytes || bytes.length < 24 || bytes.toString('latin1', 0, 8) !== SIGNATURE) {
    const received = typeof url === 'string' ? url.slice(0, 40) : typeof url;
    throw new ArgumentError(`${label} must be a PNG as a data URL (see pngImages), received ${received}`);
  }
  // The first chunk has the size.
  return { bytes, width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}
