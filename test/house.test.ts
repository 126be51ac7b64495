import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { parseConfigFileTextToJson } from 'typescript';
import { describe, expect, it } from 'vitest';

import manifest from '../package.json' with { type: 'json' };

const root = fileURLToPath(new URL('..', import.meta.url));

describe('the house', () => {
  it('has four folders at the top, dotted ones and what git ignores aside', () => {
    const folders = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name);

    const ours = folders.filter((name) => name !== 'node_modules' && name !== 'dist');
    expect(ours.sort()).toStrictEqual(['examples', 'operators', 'src', 'test']);
  });

  it('has no file of more than 120 lines of code', () => {
    const files = ['operators', 'src'].flatMap(filesIn);
    const long = files.filter((file) => codeLines(readFileSync(root + file, 'utf8')) > 120);

    expect(long).toStrictEqual([]);
  });

  it('knows the package by the same names in types as in exports', () => {
    const { config } = parseConfigFileTextToJson('tsconfig.json', readFileSync(`${root}tsconfig.json`, 'utf8')) as {
      config: { compilerOptions: { paths: Record<string, string[]> } };
    };
    const sources = Object.entries(manifest.exports).flatMap(([entry, target]) =>
      typeof target === 'string'
        ? []
        : [[`gradstream${entry.slice(1)}`, [target.default.replace('/dist/', '/').replace(/js$/, 'ts')]] as const],
    );

    expect(config.compilerOptions.paths).toStrictEqual(Object.fromEntries(sources));
  });
});

describe('codeLines', () => {
  it('counts neither comments nor blank lines', () => {
    expect(codeLines('/**\n * Doc.\n */\nconst a = 1; // one\n\n// note\n/* b */ const b = 2;\n')).toBe(2);
  });
});

function filesIn(folder: string): string[] {
  return readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`);
}

/** Prettier begins every comment block on a line of its own or ends one on it, so no parser is needed. */
function codeLines(text: string): number {
  const uncommented = text.replace(/^\s*\/\*[\s\S]*?\*\//gm, '');
  return uncommented.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('//')).length;
}
