import { isPlain } from './call.js';
import { ConfigError } from './configError.js';
import { isBuilt } from './optimizers.js';

/** One `--set path=value`: where in the config, and what is put there. */
export interface Setting {
  readonly path: readonly string[];
  readonly value: unknown;
}

/**
 * Reads `optimizer.learningRate=1e-4`: keys with dots between them, and a value that is JSON, or a text as it stands.
 *
 * @throws {@link ConfigError}, if there is no path or no `=`.
 */
export function parseSetting(text: string): Setting {
  const at = text.indexOf('=');
  const path = text.slice(0, at).split('.');
  if (at < 1 || path.includes(''))
    throw new ConfigError(`--set must be path=value, such as optimizer.learningRate=1e-4, received '${text}'`);
  const value = text.slice(at + 1);
  try {
    return { path, value: JSON.parse(value) as unknown };
  } catch {
    return { path, value };
  }
}

/**
 * The config with a value put in; the given one stays as it is. Objects on the way are made where there are none.
 *
 * @throws {@link ConfigError}, if the path leads into what is no plain data.
 */
export function applySetting(config: unknown, { path, value }: Setting): unknown {
  const put = (target: unknown, depth: number): unknown => {
    if (depth === path.length) return value;
    const key = path[depth]!;
    if (Array.isArray(target) && /^(0|[1-9]\d*)$/.test(key) && Number(key) < target.length)
      return target.with(Number(key), put(target[Number(key)], depth + 1));
    const open = target === undefined || (isPlain(target) && (!isBuilt(target) || key === 'learningRate'));
    if (!open) throw closed(target, path, depth);
    const given = target ?? {};
    // A computed key is the object's own, whatever it is called: no prototype is touched.
    return { ...given, [key]: put(Object.hasOwn(given, key) ? given[key as never] : undefined, depth + 1) };
  };
  return put(config, 0);
}

function closed(target: unknown, path: readonly string[], depth: number): ConfigError {
  const [whole, where] = [path.join('.'), path.slice(0, depth).join('.') || 'the config'];
  if (Array.isArray(target))
    return new ConfigError(`--set ${whole}: ${where} is a list of ${target.length}, '${path[depth]!}' is none of them`);
  if (isBuilt(target))
    return new ConfigError(
      `--set ${whole}: the optimizer is made by code, and only its learningRate can be set; write { name: '${target.name}', … } to set the rest`,
    );
  const is = typeof target === 'function' || typeof target === 'object' ? 'code' : JSON.stringify(target);
  return new ConfigError(`--set ${whole}: ${where} is ${is}, there is nothing in it to set`);
}
