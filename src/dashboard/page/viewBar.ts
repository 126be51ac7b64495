import { byId } from './dom.js';
import { look, view$, type View } from './view.js';

/** What share of what is shown a press moves by. */
const MOVE = 0.25;

/**
 * Smoothing, cadence, scale and zoom.
 *
 * @param whole - The steps there are.
 * @returns what shows how they stand.
 */
export function viewBar(whole: () => readonly [number, number]): (view: View) => void {
  const [alpha, alphaNumber, every] = ['alpha', 'alphaNumber', 'every'].map((id) => byId(id, HTMLInputElement));
  const log = byId('log', HTMLInputElement);

  byId('view', HTMLFormElement).onsubmit = () => false;
  alpha!.oninput = () => look({ alpha: Number((10 ** Number(alpha!.value)).toPrecision(3)) });
  alphaNumber!.onchange = () => {
    const value = Number(alphaNumber!.value);
    if (value > 0 && value <= 1) look({ alpha: value });
  };
  every!.onchange = () => {
    const value = Number(every!.value);
    if (Number.isInteger(value) && value > 0) look({ every: value });
  };
  log.onchange = () => look({ log: log.checked });

  const move = (shift: number, factor: number): void => {
    const [first, last] = whole();
    const [from, to] = view$.value.range ?? [first, last];
    const width = Math.min(last - first, Math.max(2, Math.round((to - from) * factor)));
    const start = Math.round((from + to - width) / 2 + shift * (to - from));
    const begin = Math.min(last - width, Math.max(first, start));
    const range = [begin, begin + width] as const;
    look({ range: range[0] <= first && range[1] >= last ? undefined : range });
  };
  const moves: Readonly<Record<string, () => void>> = {
    zoomIn: () => move(0, 0.5),
    zoomOut: () => move(0, 2),
    left: () => move(-MOVE, 1),
    right: () => move(MOVE, 1),
    whole: () => look({ range: undefined }),
  };
  for (const [id, act] of Object.entries(moves)) byId(id, HTMLButtonElement).onclick = act;
  const keys: Readonly<Record<string, string>> = {
    '+': 'zoomIn',
    '-': 'zoomOut',
    ArrowLeft: 'left',
    ArrowRight: 'right',
    Home: 'whole',
  };
  byId('charts').addEventListener('keydown', (event) => {
    const act = moves[keys[event.key] ?? ''];
    if (!act) return;
    event.preventDefault();
    act();
  });
  return (view: View): void => {
    alpha!.value = String(Math.log10(view.alpha));
    alpha!.setAttribute('aria-valuetext', String(view.alpha));
    if (document.activeElement !== alphaNumber) alphaNumber!.value = String(view.alpha);
    every!.value = String(view.every);
    byId('whole', HTMLButtonElement).disabled = !view.range;
    byId('range').textContent = view.range ? `steps ${view.range.map(Math.round).join('–')}` : 'all steps';
  };
}
