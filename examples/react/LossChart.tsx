import type { TrainingEvent } from 'gradstream';

const [WIDTH, HEIGHT, TOP] = [600, 200, 1];

/** Losses over the global step: every step faint, their average, and validation. */
export function LossChart({ events }: { readonly events: readonly TrainingEvent[] }) {
  const last = Math.max(100, events.at(-1)?.globalStep ?? 0);
  const line = (of: (event: TrainingEvent) => number | undefined) =>
    events
      .flatMap((event) => {
        const y = of(event);
        return y === undefined ? [] : [`${(event.globalStep / last) * WIDTH},${(1 - y / TOP) * HEIGHT}`];
      })
      .join(' ');

  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      fill="none"
      strokeWidth="1.5"
      role="img"
      aria-label="loss over global steps"
    >
      <polyline stroke="#bcd3f1" points={line((event) => (event.type === 'step' ? event.loss : undefined))} />
      <polyline stroke="#123f7d" points={line((event) => (event.type === 'step' ? event.ema['loss'] : undefined))} />
      <polyline stroke="#d9662b" points={line((event) => (event.type === 'validation' ? event.loss : undefined))} />
      <text x="8" y="18" fill="#5b6573" fontSize="13">
        loss, 0 to {TOP}, over {last} global steps:
        <tspan fill="#7fa8dc"> steps</tspan>, <tspan fill="#123f7d">average</tspan>,
        <tspan fill="#d9662b"> validation</tspan>
      </text>
    </svg>
  );
}
