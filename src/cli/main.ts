// The command `roseinfer`: finds the command by its first word, has it read the others, and runs it.
import { checkCommand, refuseWords } from '../terminal/flag-words.ts';
import { runCommand } from '../terminal/run-command.ts';
import { packageVersion } from '../util/package-info.ts';
import { COMMANDS, listCommands, usageOf } from './commands.ts';

/** First words that ask for the help, also for that of the command after them. */
const HELP = ['--help', '-h', 'help'];
const VERSION = ['--version', '-v'];

const [first = '--help', ...others] = process.argv.slice(2);
const [name = first, ...words] = HELP.includes(first) && others.length > 0 ? [...others, '--help'] : [first, ...others];
const command = Object.hasOwn(COMMANDS, name) ? await COMMANDS[name]?.load() : undefined;

await runCommand(async (signal) => {
  if (command !== undefined) return command.prepare(usageOf(name, command), words)?.(signal, COMMANDS);
  if (HELP.includes(name)) console.log(listCommands());
  else if (!VERSION.includes(name)) checkCommand(name, Object.keys(COMMANDS));
  else {
    refuseWords(words);
    console.log(packageVersion());
  }
  return undefined;
}, command?.flags);
