import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

/** A file of the page, ready to be sent. */
export interface PageFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly zipped: Buffer;
}

const FILES = { '/': 'index.html', '/page.js': 'page.js', '/page.css': 'page.css' };
const TYPES: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript', css: 'text/css' };

/** The page by path: three files that are read at the start, so that no path can lead anywhere else. */
export function readPage(folder: URL): ReadonlyMap<string, PageFile> {
  return new Map(
    Object.entries(FILES).map(([path, name]) => {
      const plain = readFileSync(new URL(name, folder));
      const type = `${TYPES[name.split('.')[1]!]}; charset=utf-8`;
      return [path, { type, plain, zipped: gzipSync(plain) }];
    }),
  );
}
