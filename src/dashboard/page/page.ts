import { auditTime, defer, distinctUntilChanged, merge, retry, Subject, switchMap, tap } from 'rxjs';

import type { Command, RunInfo } from '../protocol.js';
import { fetchSeries, live, send, type Message } from './api.js';
import { chartsOf } from './charts.js';
import { controlBar, showStatus } from './controls.js';
import { byId } from './dom.js';
import { showNotes, showRuns, showTable, showTiles } from './panels.js';
import { plot, type Plot } from './plot.js';
import { append, shownOf, type Shown } from './shown.js';
import { look, view$, type View } from './view.js';
import { viewBar } from './viewBar.js';

/** So many steps may come live before a run is asked for anew, thinned. */
const MOST_APPENDED = 10_000;
const REDRAW_MS = 150;
const RETRY_MS = 2000;

let infos: readonly RunInfo[] = [];
let shown: readonly Shown[] = [];
const plots: Plot[] = [];
const redraw$ = new Subject<void>();
const reload$ = new Subject<void>();

const problem = (error?: unknown): void => {
  const text = error === undefined ? '' : error instanceof Error ? error.message : String(error);
  byId('problem').hidden = text === '';
  byId('problem').textContent = text;
};
const command = (asked: Command): void => void send(asked).then(() => problem(), problem);
const whole = (): readonly [number, number] => [0, Math.max(2, ...shown.map(({ lastStep }) => lastStep))];
const bar = controlBar(command);

/** The runs as the view wants them. */
const load = (view: View) =>
  defer(() => {
    const pixels = Math.min(1500, Math.max(200, byId('charts').clientWidth));
    return Promise.all(view.runs.map(async (name) => shownOf(name, await fetchSeries(name, view, pixels))));
  }).pipe(tap({ error: problem }), retry({ delay: RETRY_MS }));

const take = (message: Message): void => {
  switch (message.type) {
    case 'lost':
      return showStatus('lost');
    case 'connected':
      return problem();
    case 'reload':
      return reload$.next();
  }
  if (message.type === 'runs') {
    infos = message.runs;
    const first = infos.find(({ status }) => status === 'running') ?? infos[0];
    if (view$.value.runs.length === 0 && first) look({ runs: [first.name] });
  } else {
    const run = shown.find(({ name }) => name === message.run);
    if (run && (!append(run, message, view$.value) || run.appended > MOST_APPENDED)) return reload$.next();
  }
  redraw$.next();
};

const draw = (): void => {
  const view = view$.value;
  const charts = chartsOf(shown);
  const section = byId('charts');
  for (const surplus of plots.splice(charts.length)) surplus.remove();
  charts.forEach((chart, i) => {
    if (!plots[i]) {
      plots[i] = plot((range) => look({ range }), i === 0);
      section.append(plots[i].figure);
    }
    plots[i].draw(chart, view.range ?? whole(), view.log);
  });
  const main = infos.find(({ name }) => name === view.runs[0]);
  if (main) {
    showStatus(main.status);
    bar.show(main);
  }
  showTiles(shown[0]);
  showNotes(shown);
  showTable(shown[0]);
  showRuns(
    infos.map(({ name }) => name),
    shown,
    (runs) => look({ runs }),
  );
};

const same = (a: View, b: View): boolean => JSON.stringify({ ...a, log: 0 }) === JSON.stringify({ ...b, log: 0 });

const showView = viewBar(whole);
byId('numbers').addEventListener('toggle', draw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const each of plots.splice(0)) each.remove(); // colours are read when a plot is made
  draw();
});
const drawn$ = merge(redraw$, view$.pipe(tap(showView))).pipe(auditTime(REDRAW_MS), tap(draw));
// One connection for all runs that are shown, from where each was told as a whole: nothing lies between, nothing comes twice.
const taken$ = merge(view$.pipe(distinctUntilChanged(same)), reload$).pipe(
  auditTime(30),
  switchMap(() => load(view$.value)),
  switchMap((loaded) => {
    shown = loaded;
    draw();
    return live(new Map(loaded.map(({ name, position }) => [name, position])));
  }),
  tap(take),
);
merge(drawn$, taken$).subscribe({ error: problem });
