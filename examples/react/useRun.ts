import { useEffect, useState } from 'react';
import { bufferTime, filter, type Observable } from 'rxjs';
import type { TrainingEvent } from 'gradstream';

/** The events of a run so far. It runs while the component is there; a failure is thrown where an error boundary sees it. */
export function useRun(run$: Observable<TrainingEvent>): readonly TrainingEvent[] {
  const [events, setEvents] = useState<readonly TrainingEvent[]>([]);
  useEffect(() => {
    setEvents([]);
    // A component that is drawn for every step would take longer than the steps.
    const run = run$.pipe(bufferTime(100), filter(({ length }) => length > 0)).subscribe({
      next: (more) => setEvents((before) => [...before, ...more]),
      error: (error: unknown) => setEvents(() => { throw error; }),
    }); // prettier-ignore
    return () => run.unsubscribe();
  }, [run$]);
  return events;
}
