import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

import { codeBlocks } from './codeBlocks.js';
import { compile } from './compile.js';
import { operatorsReadme } from './operatorTable.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

it('operators/README.md is what the doc comments say (npm run docs)', () => {
  expect(readFileSync(`${root}operators/README.md`, 'utf8')).toBe(operatorsReadme(root));
});

it('every TypeScript block of the documents and doc comments compiles', { timeout: 90_000 }, () => {
  const blocks = codeBlocks(root);
  expect(blocks.length).toBeGreaterThan(40);
  expect(compile(root, blocks)).toStrictEqual([]);
  expect(compile(root, [{ at: 'a test', code: 'accumulate("four");' }])).toHaveLength(1);
});
