import { ArgumentError } from '../../core/errors.js';
import { encodeHParams, type HParamsMessage, type ValueMessage } from './messages.js';

/** Hyper-parameters as plain data; what is in an object is named with dots: `optimizer.learningRate`. */
export interface HyperParameters {
  readonly [name: string]: string | number | boolean | null | readonly unknown[] | HyperParameters | undefined;
}

/** `Status` of the hparams plugin. */
const STATUS = { success: 1, failure: 2 };

/**
 * Hyper-parameters as the plugin has them, by their dotted names.
 *
 * @throws {@link ArgumentError} if one is no plain data.
 */
export function namedHyperParameters(given: HyperParameters, prefix = ''): [string, object][] {
  return Object.entries(given).flatMap(([key, value]): [string, object][] => {
    const name = prefix + key;
    if (value === undefined || value === null) return [];
    if (typeof value === 'boolean') return [[name, { boolValue: value }]];
    // The page reads JSON, which has no others.
    if (typeof value === 'number' && Number.isFinite(value)) return [[name, { numberValue: value }]];
    if (typeof value === 'number' || typeof value === 'string') return [[name, { stringValue: String(value) }]];
    if (Array.isArray(value)) return [[name, { stringValue: JSON.stringify(value) }]];
    if (typeof value === 'object') return namedHyperParameters(value as HyperParameters, `${name}.`);
    throw new ArgumentError(
      `tensorBoard: hyperParameters must be numbers, strings and booleans, received ${typeof value} as ${name}`,
    );
  });
}

/** Says that a session with these hyper-parameters has begun. */
export function sessionStart(named: readonly [string, object][], seconds: number): ValueMessage {
  const start = { hparams: Object.fromEntries(named), startTimeSecs: seconds };
  return inMetadata('_hparams_/session_start_info', { start });
}

/** Says how it has ended. */
export function sessionEnd(how: keyof typeof STATUS, seconds: number): ValueMessage {
  return inMetadata('_hparams_/session_end_info', { end: { status: STATUS[how], endTimeSecs: seconds } });
}

/** All the plugin looks at is the metadata; a value there must be all the same. */
function inMetadata(tag: string, message: HParamsMessage): ValueMessage {
  const nothing = { dtype: 1, tensorShape: { dim: [{ size: 1 }] }, floatVal: [0] };
  return { tag, tensor: nothing, metadata: { pluginData: { pluginName: 'hparams', content: encodeHParams(message) } } };
}
