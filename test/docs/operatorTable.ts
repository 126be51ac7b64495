import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `operators/README.md`, made from the doc comments in the order of `operators/index.ts`. */
export function operatorsReadme(root: string): string {
  const index = readFileSync(join(root, 'operators/index.ts'), 'utf8');
  const entries = [...index.matchAll(/^export \{ (\w+).*?\} from '(.+?)\.js';/gm)].map(([, name, file]) =>
    documented(join(root, 'operators', `${file!}.ts`), name!),
  );
  const table = entries.map(({ name, gist }) => `| [\`${name}\`](#${name.toLowerCase()}) | ${gist} |`);
  const sections = entries.map(({ name, gist, why, diagram }) =>
    [`## ${name}`, gist, why, diagram && `\`\`\`text\n${diagram}\n\`\`\``].filter(Boolean).join('\n\n'),
  );
  return [
    '# Operators, in the order of the pipeline',
    '<!-- Made from the doc comments by `npm run docs`; edit those. -->',
    'Each is one file, a plain function that returns an RxJS operator, and works alone in any pipe. The doc comments say the rest: edges, shapes, cost, who owns the tensors, errors.',
    ['| operator | what comes out |', '| --- | --- |', ...table].join('\n'),
    ...sections,
    '',
  ]
    .join('\n\n')
    .trimEnd()
    .concat('\n');
}

interface Documented {
  readonly name: string;
  readonly gist: string;
  readonly why: string;
  readonly diagram: string;
}

/** First sentence, second sentence and first diagram of the doc comment over `name`. */
function documented(file: string, name: string): Documented {
  const text = readFileSync(file, 'utf8');
  const end = text.search(new RegExp(`^export (?:function|const) ${name}\\b`, 'm'));
  const comment = text
    .slice(text.lastIndexOf('/**', end) + 3, text.lastIndexOf('*/', end))
    .replace(/^[ \t]*\* ?/gm, '');
  if (end < 0 || !comment.trim()) throw new Error(`${file}: ${name} must have a doc comment`);
  const [gist = '', why = ''] = comment
    .trim()
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replaceAll('\n', ' '));
  const diagram = /```text\n([\s\S]*?)```/.exec(comment)?.[1]?.trimEnd() ?? '';
  return { name, gist, why: why.startsWith('```') || why.startsWith('@') ? '' : linkless(why), diagram };
}

function linkless(text: string): string {
  return text.replace(/\{@link (\w+)\}/g, '`$1`');
}
