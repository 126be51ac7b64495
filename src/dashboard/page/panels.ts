import { colourOf, newest } from './charts.js';
import { byId, make, readable } from './dom.js';
import type { Shown } from './shown.js';

/** How many rows the table has, and how many events the list. */
const ROWS = 60;
const NOTES = 200;

/** The newest numbers, large. */
export function showTiles(run: Shown | undefined): void {
  const { columns = {} } = run?.steps ?? {};
  const tiles: readonly (readonly [string, number | undefined])[] = [
    ['Step', run?.lastStep],
    ['Average loss', newest(columns['average'])],
    ['Validation loss', newest(run?.validation.columns['loss'])],
    ['Learning rate', newest(columns['learningRate'])],
    ['Samples/s', newest(columns['samplesPerSecond'])],
    ['Memory (MiB)', newest(columns['memoryMb.process'])],
  ];
  const known = tiles.filter(([, value], i) => i < 2 || value !== undefined);
  byId('tiles').replaceChildren(
    ...known.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, readable(value)))),
  );
}

/** What has happened, the newest first. */
export function showNotes(runs: readonly Shown[]): void {
  const notes = runs.flatMap((run) => run.notes.map((note) => ({ ...note, run })));
  notes.sort((a, b) => b.globalStep - a.globalStep);
  const items = notes.slice(0, NOTES).map(({ globalStep, kind, text, run }) => {
    const words = runs.length > 1 ? `${run.name}: ${text}` : text;
    const place = make('span', {}, `step ${readable(globalStep)}`);
    return make('li', {}, place, make('span', { class: `kind ${kind}` }, kind), make('span', {}, words));
  });
  const none = make('li', {}, make('span', {}, 'none yet'));
  byId('notes').replaceChildren(...(items.length > 0 ? items : [none]));
}

/** The same numbers as the charts, the newest first, for those who would rather read; while it is open. */
export function showTable(run: Shown | undefined): void {
  if (!byId('numbers', HTMLDetailsElement).open || !run) return;
  const { steps, columns } = run.steps;
  const names = Object.keys(columns).filter((name) => columns[name]!.some((value) => value !== null));
  const head = make('tr', {}, ...['step', ...names].map((name) => make('th', { scope: 'col' }, name)));
  const stride = Math.max(1, Math.ceil(steps.length / ROWS));
  const rows: HTMLElement[] = [];
  for (let i = steps.length - 1; i >= 0; i -= stride) {
    const cells = names.map((name) => make('td', {}, readable(columns[name]![i])));
    rows.push(make('tr', {}, make('th', { scope: 'row' }, String(steps[i])), ...cells));
  }
  byId('table').replaceChildren(
    make('caption', { class: 'hidden' }, run.name),
    make('thead', {}, head),
    make('tbody', {}, ...rows),
  );
}

/** Which runs there are, which are shown, and in what colour. */
export function showRuns(names: readonly string[], runs: readonly Shown[], choose: (names: string[]) => void): void {
  byId('compare').hidden = names.length < 2;
  const list = byId('runs');
  const chosen = runs.map(({ name }) => name);
  const key = JSON.stringify([names, chosen]);
  if (list.dataset['key'] === key) return;
  list.dataset['key'] = key;
  const focused = (document.activeElement as HTMLInputElement | null)?.value;
  list.replaceChildren(
    ...names.map((name) => {
      const box = make('input', { type: 'checkbox', value: name });
      const run = runs.find((each) => each.name === name);
      box.checked = run !== undefined;
      box.onchange = () => choose(box.checked ? [...chosen, name] : chosen.filter((each) => each !== name));
      const dot = make('span', { class: 'dot', 'aria-hidden': 'true' });
      if (run) dot.style.background = `var(${colourOf(runs, run)})`;
      return make('li', {}, make('label', {}, box, dot, name));
    }),
  );
  list.querySelector<HTMLInputElement>(`input[value="${CSS.escape(focused ?? '')}"]`)?.focus();
}
