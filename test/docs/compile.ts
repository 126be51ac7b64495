import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

import type { CodeBlock } from './codeBlocks.js';
import { withImports } from './withImports.js';

/** What the blocks import, parsed once. */
const sources = new Map<string, ts.SourceFile | undefined>();

/**
 * Type-checks code blocks as they stand, and gives what the compiler says of each.
 *
 * What a block does not import itself is imported for it, and the few names that examples speak of are declared (`globals.d.ts`).
 */
export function compile(root: string, blocks: readonly CodeBlock[]): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => readFileSync(path, 'utf8')) as {
    config: { compilerOptions: object };
  };
  const parsed = ts.parseJsonConfigFileContent({ compilerOptions: config.compilerOptions, files: [] }, ts.sys, root);
  const options: ts.CompilerOptions = {
    ...parsed.options,
    noUnusedLocals: false,
    noUnusedParameters: false,
    noEmit: true,
  };
  // Not in a folder of the project's own: an example imports the package by its name, as a user's file does.
  const files = new Map(blocks.map((block, i) => [join(root, 'test/docs', `block${i}.ts`), withImports(root, block)]));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, languageVersion, ...rest) => {
    const text = files.get(name);
    if (text !== undefined) return ts.createSourceFile(name, text, languageVersion, true);
    const source = sources.get(name) ?? getSourceFile(name, languageVersion, ...rest);
    sources.set(name, source);
    return source;
  };
  const program = ts.createProgram([...files.keys(), join(root, 'test/docs/globals.d.ts')], options, host);
  return [...files.keys()].flatMap((name, i) => {
    const source = program.getSourceFile(name);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(({ messageText }) => `${blocks[i]!.at}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
  });
}
