// Values of the flags of a script in a test, for a command line that runs.
import type { InferredOptionTypes } from 'yargs';
import { parseScript, type Script, type ScriptFlags } from '../../bench/common/script.ts';

/** Reads a command line that does not ask for help. */
export function argsOf<Flags extends ScriptFlags>(
  script: Script<Flags>,
  ...argv: readonly string[]
): InferredOptionTypes<Flags> {
  const args = parseScript(script, argv);
  if (args === null) throw new Error('help was asked for');
  return args;
}
