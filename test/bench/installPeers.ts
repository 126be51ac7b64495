// Installs what the bench compares with: `npm run bench:peers` makes a virtual environment with PyTorch and Lightning.
//
// A PyTorch that `python3` has already is used. Otherwise pip gets one, on Linux the one for CUDA (several GB), unless pip's own settings
// (PIP_INDEX_URL) name PyTorch's index of CPU builds.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';

import { VENV, VENV_PYTHON } from './peers.js';

const works = (...args: string[]): boolean => spawnSync('python3', args, { stdio: 'ignore' }).status === 0;

function must(program: string, args: readonly string[], otherwise: string): void {
  const { status, error } = spawnSync(program, args, { stdio: 'inherit' });
  if (status === 0) return;
  rmSync(VENV, { recursive: true, force: true });
  console.error(`bench:peers: ${error?.message ?? otherwise}`);
  process.exit(1);
}

const shared = works('-c', 'import torch') ? ['--system-site-packages'] : [];
must(
  'python3',
  ['-m', 'venv', '--clear', ...shared, VENV],
  'python3 must have venv; on Debian and Ubuntu it is the package python3-venv',
);
must(
  VENV_PYTHON,
  ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'torch', 'lightning', 'numpy'],
  'pip could not install torch, lightning and numpy',
);
console.log(`PyTorch and Lightning are in ${VENV}; npm run bench measures them too`);
