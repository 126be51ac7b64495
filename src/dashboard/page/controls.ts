import type { Command, RunInfo } from '../protocol.js';
import { byId, readable, say } from './dom.js';

const WORDS: Readonly<Record<RunInfo['status'], string>> = {
  waiting: 'waiting for the first step',
  running: 'running',
  paused: 'paused',
  ended: 'ended',
  failed: 'failed',
  stopped: 'stopped before its end',
};
/** How long Stop waits for being pressed again. */
const SURE_MS = 4000;

/** How long the slider is left to the hand that has moved it. */
const SETTLED_MS = 1500;

/** The buttons and the slider. */
export interface ControlBar {
  show(info: RunInfo): void;
}

/** @param send - Sends a command to the run. */
export function controlBar(send: (command: Command) => void): ControlBar {
  const [pause, step, checkpoint, stop] = ['pause', 'step', 'checkpoint', 'stop'].map((id) =>
    byId(id, HTMLButtonElement),
  );
  const slider = byId('rateSlider', HTMLInputElement);
  let isPaused = false;
  let status = '';
  let slidMs = -Infinity;
  let sure: ReturnType<typeof setTimeout> | undefined;

  const calm = (): void => {
    clearTimeout(sure);
    sure = undefined;
    stop!.textContent = 'Stop';
  };
  const showRate = (rate: number): void => {
    byId('rateValue').textContent = readable(rate);
    slider.setAttribute('aria-valuetext', readable(rate));
  };
  const rate = (): number => Number((10 ** Number(slider.value)).toPrecision(3));
  const toggle = (): void => send({ command: isPaused ? 'resume' : 'pause' });

  pause!.onclick = toggle;
  step!.onclick = () => send({ command: 'step' });
  checkpoint!.onclick = () => send({ command: 'checkpoint' });
  stop!.onclick = () => {
    if (sure !== undefined) {
      calm();
      send({ command: 'stop' });
      return;
    }
    stop!.textContent = 'Really stop?';
    say('Press again to stop the run');
    sure = setTimeout(calm, SURE_MS);
  };
  slider.oninput = () => {
    slidMs = performance.now();
    showRate(rate());
  };
  slider.onchange = () => {
    slidMs = performance.now();
    send({ command: 'learningRate', value: rate() });
  };
  document.addEventListener('keydown', (event) => {
    const isTyping = event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey;
    if (isTyping || byId('controls').hidden) return;
    if (event.key === 'p' && !pause!.hidden) toggle();
    if (event.key === 's' && !step!.hidden && !step!.disabled) send({ command: 'step' });
  });

  return {
    show: (info) => {
      const offers = (name: RunInfo['controls'][number]): boolean => info.controls.includes(name);
      byId('controls').hidden = info.controls.length === 0;
      isPaused = info.status === 'paused';
      pause!.hidden = step!.hidden = !offers('pause');
      checkpoint!.hidden = !offers('checkpoint');
      stop!.hidden = !offers('stop');
      byId('rate').hidden = !offers('learningRate');
      pause!.textContent = isPaused ? 'Resume' : 'Pause';
      step!.disabled = !isPaused;
      // What the server says is older than what the hand has just done.
      if (info.learningRate !== undefined && performance.now() - slidMs > SETTLED_MS) {
        slider.value = String(Math.log10(info.learningRate));
        showRate(info.learningRate);
      }
      if (info.status === status) return;
      if (status) say(`The run is ${WORDS[info.status]}`);
      status = info.status;
    },
  };
}

/** How a run stands, in the pill beside the title. */
export function showStatus(status: RunInfo['status'] | 'lost'): void {
  const pill = byId('status');
  if (pill.dataset['status'] === status && pill.textContent !== 'connecting …') return;
  pill.dataset['status'] = status;
  pill.textContent = status === 'lost' ? 'connection lost, trying again …' : WORDS[status];
}
