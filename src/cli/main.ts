// The command `roseinfer`: finds the command by its first word, has it read the others, and runs it.
import { checkCommand } from '../terminal/flag-words.ts';
import { runCommand } from '../terminal/run-command.ts';
import { packageVersion } from '../util/package-info.ts';
import { COMMANDS, listCommands, usageOf } from './commands.ts';

const [name = '--help', ...words] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) ? await COMMANDS[name]?.load() : undefined;

await runCommand(async (signal) => {
  if (command !== undefined) return command.prepare(usageOf(name, command), words)?.(signal, COMMANDS);
  if (name === '--help') console.log(listCommands());
  else if (name === '--version') console.log(packageVersion());
  else checkCommand(name, Object.keys(COMMANDS));
  return undefined;
}, command?.flags);
