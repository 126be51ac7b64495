#!/usr/bin/env node
import { Command } from 'commander';

import { messageOf } from '../core/errors.js';
import { doctorCommand } from './doctor.js';
import { nativeCommand } from './nativeInstall.js';

const program = new Command('gradstream')
  .description('Deep-learning training as an RxJS pipeline over TensorFlow.js')
  .addCommand(nativeCommand())
  .addCommand(doctorCommand());

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`gradstream: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
