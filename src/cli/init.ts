import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';

import { Argument, Command } from 'commander';

import { ConfigError } from '../config/configError.js';
import { EXIT_HELP } from './exitCodes.js';
import { print, shownPath } from './output.js';
import { projectFiles } from './projectFiles.js';

const HELP = `
Writes a small project that trains, with a test. A file that is there already is never written over.

Examples:
  gradstream init spirals && cd spirals && npm install && npm run train
${EXIT_HELP}`;

/** `gradstream init`: writes a project that trains. */
export function initCommand(): Command {
  return new Command('init')
    .description('write a project that trains, with a test')
    .addArgument(new Argument('[folder]', 'where; made if it is not there').default('.', 'here'))
    .addHelpText('after', HELP)
    .action(run);
}

async function run(folder: string): Promise<void> {
  const { version, peerDependencies } = createRequire(import.meta.url)('gradstream/package.json') as {
    readonly version: string;
    readonly peerDependencies: Readonly<Record<string, string>>;
  };
  const name =
    basename(resolve(folder))
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .replace(/^-+/, '') || 'training';
  const files = Object.entries(
    projectFiles(name, {
      gradstream: `^${version}`,
      tfjs: peerDependencies['@tensorflow/tfjs']!,
      rxjs: peerDependencies['rxjs']!,
    }),
  );
  const there = files.map(([path]) => join(folder, path)).filter((path) => existsSync(path));
  if (there.length > 0) throw new ConfigError(`nothing was written: ${there.join(', ')} must not be there yet`);
  for (const [path, text] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text, { flag: 'wx' });
    await print(`wrote ${shownPath(resolve(folder, path))}`);
  }
  await print(`\nNext:${folder === '.' ? '' : ` cd ${folder} &&`} npm install && npm run train`);
}
