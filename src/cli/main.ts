import { doctor, doctorFlags } from './doctor.ts';
import { generate, generateFlags } from './generate.ts';
import { packageVersion } from './package-info.ts';
import { createParser } from './parser.ts';
import { runCommand } from './run-command.ts';

await runCommand(async (signal) => {
  await createParser(process.argv.slice(2))
    .scriptName('roseinfer')
    .version(packageVersion())
    .command('generate', 'continue a text', generateFlags, (args) => generate(args, signal))
    .command('doctor', 'check the adapter and every kernel on it', doctorFlags, (args) => doctor(args, signal))
    .demandCommand(1, 'command is missing, expected one that --help lists')
    .parseAsync();
});
