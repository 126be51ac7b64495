import { useState } from 'react';
import { BehaviorSubject, type Observable } from 'rxjs';
import { gate, type TrainingEvent } from 'gradstream';

import { LossChart } from './LossChart.js';
import { useRun } from './useRun.js';

/** Shows a run while it trains, with a button that pauses it between two steps. */
export function App({ run$ }: { readonly run$: Observable<TrainingEvent> }) {
  const [open$] = useState(() => new BehaviorSubject(true));
  const [gated$] = useState(() => run$.pipe(gate(open$)));
  const [isPaused, setPaused] = useState(false);
  const events = useRun(gated$);
  const step = events.findLast((event) => event.type === 'step');
  const validation = events.findLast((event) => event.type === 'validation');
  const isOver = events.at(-1)?.type === 'end';

  const toggle = () => {
    open$.next(isPaused);
    setPaused(!isPaused);
  };
  return (
    <main>
      <h1>Two spirals</h1>
      <LossChart events={events} />
      <dl>
        <Shown name="global step">{step?.globalStep ?? 0}</Shown>
        <Shown name="average loss">{step?.ema['loss']?.toFixed(4) ?? '–'}</Shown>
        <Shown name="validation accuracy">{validation?.metrics['accuracy']?.toFixed(3) ?? '–'}</Shown>
      </dl>
      <button onClick={toggle} disabled={isOver}>
        {isOver ? 'Done' : isPaused ? 'Go on' : 'Pause'}
      </button>
    </main>
  );
}

function Shown({ name, children }: { readonly name: string; readonly children: string | number }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
