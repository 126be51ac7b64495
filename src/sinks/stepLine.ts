import type { StepEvent } from '../core/events.js';

/** What else is known of a run. */
export interface RunLength {
  /** Optimizer steps in all, where that is known. */
  readonly steps: number | undefined;
  readonly epochs: number | undefined;
}

/** How wide a bar is, at most and at least. */
const [WIDEST, NARROWEST] = [24, 6];
const EIGHTHS = ' ▏▎▍▌▋▊▉';

/** How a run stands, in one line; with a bar of the width that is left, if there are so many columns. */
export function stepLine(event: StepEvent, { steps, epochs }: RunLength, columns = 0): string {
  const { epoch, globalStep, ema, learningRate, loss, samples, samplesPerSecond } = event;
  const leftSeconds = steps && samplesPerSecond ? ((steps - globalStep) * samples) / samplesPerSecond : undefined;
  const parts = (drawing: string): string =>
    [
      epochs ? `epoch ${epoch}/${epochs}` : '',
      `step ${String(globalStep).padStart(String(steps ?? '').length)}${steps ? `/${steps}` : ''}`,
      drawing,
      `loss ${(ema['loss'] ?? loss).toPrecision(4)}`,
      `lr ${Number(learningRate.toPrecision(3))}`,
      samplesPerSecond ? `${Math.round(samplesPerSecond)} samples/s` : '',
      leftSeconds === undefined ? '' : `${clock(Math.max(0, leftSeconds))} left`,
    ]
      .filter(Boolean)
      .join('  ');
  if (!steps) return parts('');
  const done = Math.min(1, globalStep / steps);
  const width = Math.min(WIDEST, columns - parts(bar(done, 0)).length);
  return parts(width < NARROWEST ? '' : bar(done, width));
}

function bar(done: number, width: number): string {
  const eighths = Math.round(done * width * 8);
  const part = eighths % 8 === 0 ? '' : EIGHTHS[eighths % 8]!;
  const filled = '█'.repeat(Math.floor(eighths / 8)) + part;
  return `▕${filled.padEnd(width)}▏ ${String(Math.floor(done * 100)).padStart(3)} %`;
}

/** Hours, minutes and seconds. */
function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
