import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { engine } from 'gradstream';

import { spiralRun } from '../spirals.js';
import { App } from './App.js';

const { tf } = await engine('auto');

createRoot(document.getElementById('app')!).render(
  <StrictMode>
    <App run$={spiralRun(tf)} />
  </StrictMode>,
);
