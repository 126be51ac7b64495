import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One TypeScript block of a document or a doc comment. */
export interface CodeBlock {
  /** Where it stands, as `file:line`. */
  readonly at: string;
  readonly code: string;
}

const FENCE = /^([ \t]*\*? ?)```ts\n([\s\S]*?)^[ \t]*\*? ?```/gm;

/** Every ```ts block of the Markdown files and of the doc comments in the library. */
export function codeBlocks(root: string): CodeBlock[] {
  const listed = (folder: string) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  const documents = readdirSync(root)
    .concat(listed('operators'), listed('examples'), listed('test/bench'))
    .filter((name) => name.endsWith('.md'));
  const sources = [...listed('operators'), ...listed('src')].filter((name) => name.endsWith('.ts'));
  return [...documents, ...sources].flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    return [...text.matchAll(FENCE)].map((match) => ({
      at: `${file}:${text.slice(0, match.index).split('\n').length}`,
      code: match[2]!.replace(/^[ \t]*\* ?/gm, file.endsWith('.ts') ? '' : '$&'),
    }));
  });
}
