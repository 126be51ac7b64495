#!/usr/bin/env node
import { Command, CommanderError } from 'commander';

import { dashboardCommand } from './dashboard.js';
import { describeError } from './describeError.js';
import { doctorCommand } from './doctor.js';
import { evaluateCommand } from './evaluate.js';
import { EXIT, EXIT_HELP, exitCodeOf } from './exitCodes.js';
import { initCommand } from './init.js';
import { launchCommand } from './launch.js';
import { logsCommand } from './logs.js';
import { nativeCommand } from './nativeInstall.js';
import { isUnread, say } from './output.js';
import { predictCommand } from './predict.js';
import { trainCommand } from './train.js';

const program = new Command('gradstream')
  .description('Deep-learning training as an RxJS pipeline over TensorFlow.js')
  .exitOverride()
  .enablePositionalOptions()
  .addHelpText('after', EXIT_HELP);

const add = (parent: Command, command: Command): void => {
  command.copyInheritedSettings(parent);
  command.commands.forEach((each) => each.copyInheritedSettings(command));
  parent.addCommand(command);
};
for (const command of [
  initCommand(),
  trainCommand(),
  launchCommand(),
  evaluateCommand(),
  predictCommand(),
  logsCommand(),
  dashboardCommand(),
  doctorCommand(),
  nativeCommand(),
])
  add(program, command);

// Whoever reads the output may have seen enough, as `head` does; what prints to it is told, too.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error) => {
    if (!isUnread(error)) throw error;
    process.exitCode = EXIT.SIGPIPE;
  });

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  // Commander has said what is wrong by then.
  if (!(error instanceof CommanderError) && !isUnread(error)) say(`gradstream: ${describeError(error)}`);
}
