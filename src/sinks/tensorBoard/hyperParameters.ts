import { leavesOf, type HyperParameters } from '../hyperParameters.js';
import { encodeHParams, type HParamsMessage, type ValueMessage } from './messages.js';

/** `Status` of the hparams plugin. */
const STATUS = { success: 1, failure: 2 };

/** Hyper-parameters as the plugin has them, by their dotted names. */
export function namedHyperParameters(given: HyperParameters): [string, object][] {
  return leavesOf(given, 'tensorBoard: hyperParameters').flatMap(([name, value]): [string, object][] => {
    if (value === null) return [];
    if (typeof value === 'boolean') return [[name, { boolValue: value }]];
    // The page reads JSON, which has no others.
    if (typeof value === 'number' && Number.isFinite(value)) return [[name, { numberValue: value }]];
    return [[name, { stringValue: typeof value === 'object' ? JSON.stringify(value) : String(value) }]];
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
