import { existsSync } from 'node:fs';
import { basename, dirname, extname, resolve } from 'node:path';

import { Argument, Option, type Command } from 'commander';

import { ConfigError } from '../config/configError.js';
import { loadConfig } from '../config/loadConfig.js';
import { parseConfig, type Plan } from '../config/parseConfig.js';
import { applySetting, parseSetting } from '../config/set.js';

/** What every command that takes a config can be told. */
export interface ConfigFlags {
  readonly set?: readonly string[];
  readonly engine?: string;
}

/** A config as a command uses it. */
export interface Configured {
  readonly plan: Plan;
  /** As it was written, with what the command line has set. */
  readonly config: unknown;
  /** The folder that its paths are relative to. */
  readonly folder: string;
  readonly runPath: string;
}

const DEFAULTS = ['ts', 'mts', 'js', 'mjs', 'json'].map((ending) => `gradstream.config.${ending}`);

/** Adds the argument and the options of {@link ConfigFlags}. */
export function withConfig(command: Command): Command {
  return command
    .addArgument(new Argument('[config]', `a .ts, .js or .json file (default: ${DEFAULTS[0]}, .js or .json)`))
    .addOption(
      new Option('--set <path=value>', 'change a value of the config; may be given again').argParser(
        (text: string, before: string[] | undefined) => [...(before ?? []), text],
      ),
    )
    .option('--engine <name>', 'compute with auto, node, webgpu, wasm or cpu; short for --set engine=NAME');
}

/** Reads a config, and puts in what the command line sets. */
export async function configured(path: string | undefined, { set = [], engine }: ConfigFlags): Promise<Configured> {
  const file = path ?? DEFAULTS.find((name) => existsSync(name));
  if (file === undefined)
    throw new ConfigError(`there must be a config: none was given, and there is no ${DEFAULTS[0]} here`);
  const settings = [...set, ...(engine === undefined ? [] : [`engine=${engine}`])];
  const loaded = await loadConfig(file);
  const written = parseConfig(loaded, file);
  const config = settings.map(parseSetting).reduce(applySetting, loaded);
  const plan = settings.length === 0 ? written : parseConfig(config, settings.map((each) => `--set ${each}`).join(' '));

  const folder = dirname(resolve(file));
  const name = basename(file, extname(file)).replace(/[.]config$/, '');
  return { plan, config, folder, runPath: resolve(folder, plan.run ?? `runs/${name}`) };
}
