import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { messageOf } from '../core/errors.js';
import { ConfigError } from './configError.js';

/**
 * What a config file holds, not yet checked: the default export of a module, or JSON.
 *
 * TypeScript is loaded by `tsx` where the project has it, and else by Node itself, from 22.18 on. What the module throws is thrown as it is.
 *
 * @throws {@link ConfigError} (rejects), if there is no such file, or it is none that can hold a config.
 */
export async function loadConfig(path: string): Promise<unknown> {
  const file = resolve(path);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ConfigError(`${path}: the config must be a file that can be read: ${messageOf(cause)}`, { cause });
  });
  switch (extname(file)) {
    case '.json':
      return parse(text, path);
    case '.ts':
    case '.mts':
    case '.cts':
      await takeTypeScript(path);
      return defaultOf(file, path);
    case '.js':
    case '.mjs':
    case '.cjs':
      return defaultOf(file, path);
    default:
      throw new ConfigError(`${path}: a config must be a .ts, .js or .json file`);
  }
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`${path}: it must be JSON: ${messageOf(cause)}`, { cause });
  }
}

async function defaultOf(file: string, path: string): Promise<unknown> {
  const module = (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
  if (module.default !== undefined) return module.default;
  throw new ConfigError(`${path}: it must have a default export: export default defineConfig({ … })`);
}

/** Has Node load TypeScript from now on. Like a Node that can by itself, tsx leaves one copy of each module, ours included. */
async function takeTypeScript(path: string): Promise<void> {
  const tsx = await import('tsx/esm/api').catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    return undefined;
  });
  if (tsx) tsx.register();
  else if (!(process.features as { readonly typescript?: unknown }).typescript)
    throw new ConfigError(
      `${path}: Node ${process.version} reads no TypeScript: \`npm install --save-dev tsx\`, take Node 22.18 or later, or write the config as .js`,
    );
}
