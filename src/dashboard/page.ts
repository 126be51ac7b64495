import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { messageOf } from '../core/errors.js';

/** A file of the page, ready to be sent. */
export interface PageFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly zipped: Buffer;
}

const FILES = { '/': 'index.html', '/page.js': 'page.js', '/page.css': 'page.css' };
const TYPES: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript', css: 'text/css' };

/** The page by path: three files that are read at the start, so that no path can lead anywhere else. */
export function readPage(): ReadonlyMap<string, PageFile> {
  const root = dirname(createRequire(import.meta.url).resolve('gradstream/package.json'));
  return new Map(
    Object.entries(FILES).map(([path, name]) => {
      const plain = built(join(root, 'dist/src/dashboard/page', name));
      const type = `${TYPES[name.split('.')[1]!]}; charset=utf-8`;
      return [path, { type, plain, zipped: gzipSync(plain) }];
    }),
  );
}

function built(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Error(`dashboard: the page must be built, as \`npm run build\` does: ${messageOf(cause)}`, { cause });
  }
}
