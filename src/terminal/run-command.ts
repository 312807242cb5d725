// The end of a command: its exit code, and the one line that an error becomes. Signals and a closed stdout abort the
// command, which then cleans up before the process ends.
import { setImmediate } from 'node:timers/promises';
import { inspect } from 'node:util';
import { variable } from '../util/environment.ts';
import { RangeValueError, RoseinferError } from '../util/errors.ts';
import { nameFlags } from './flag-names.ts';
import { UsageError } from './flag-words.ts';

/** Exit code of a command by the signal that stopped it: 128 + the signal's number. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;
const SIGPIPE_EXIT = 141;
const FAILURE_EXIT = 1;
/** Exit code of a command that was called wrongly: with a flag, a value or a combination that it does not take. */
const USAGE_EXIT = 2;

/** Reason of a command that was stopped from outside. */
class Interruption extends RoseinferError {
  readonly exitCode: number;

  constructor(reason: string, exitCode: number) {
    super(reason);
    this.exitCode = exitCode;
  }
}

/** Outcome of a command that a signal is the proper end of. */
export const STOPPED = Symbol('stopped');

/** Error of a stdout that can't be written. */
class StdoutError extends RoseinferError {}

/**
 * Runs a command to its end and sets the exit code; the process then ends by itself. Ctrl-C, SIGTERM and SIGHUP abort
 * `signal`, with which the command stops and cleans up; a second one ends the process at once. A stdout that is closed
 * or full aborts it, too.
 *
 * The exit code is 0 when it is done, 1 when it failed, 2 when it was called wrongly, and 128 + the signal's number.
 *
 * An error becomes one line on stderr, in terms of the command's flags, or the whole error with its stack when the
 * environment variable DEBUG is set. An error during the clean-up after another is printed, too.
 *
 * @param command resolves to `STOPPED` where a signal has ended it as it should; the exit code is 0 then.
 * @param flags the command's, by name.
 */
export async function runCommand(
  command: (signal: AbortSignal) => Promise<unknown>,
  flags: object = {},
): Promise<void> {
  const interrupt = new AbortController();
  const { signal } = interrupt;
  for (const name of SIGNALS) {
    process.on(name, () => {
      if (signal.aborted) process.exit(EXIT_CODES[name]);
      interrupt.abort(new Interruption(`interrupted by ${name}`, EXIT_CODES[name]));
    });
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    const isClosed = error.code === 'EPIPE';
    const full = new StdoutError(`stdout can't be written (${error.code ?? error.message})`, { cause: error });
    interrupt.abort(isClosed ? new Interruption('stdout was closed', SIGPIPE_EXIT) : full);
  });
  const describe = (error: unknown) => nameFlags(describeError(error, variable('DEBUG')), flags);
  // A stderr that can't be written has no place left to report it.
  process.stderr.on('error', () => {});

  try {
    const outcome = await command(signal);
    await stdoutIsWritten();
    if (outcome !== STOPPED) signal.throwIfAborted();
  } catch (error) {
    await stdoutIsWritten();
    const isDouble = error instanceof SuppressedError;
    if (isDouble) console.error(describe(error.error)); // what failed while cleaning up
    const cause: unknown = signal.aborted ? signal.reason : isDouble ? error.suppressed : error;
    if (!(cause instanceof Interruption)) console.error(describe(cause));
    process.exitCode = cause instanceof Interruption ? cause.exitCode : isUsage(cause) ? USAGE_EXIT : FAILURE_EXIT;
  }
}

/** Tells whether an error is about the call: the grammar of the command line, or a value that something refuses. */
function isUsage(error: unknown): boolean {
  return error instanceof UsageError || error instanceof RangeValueError;
}

/** Resolves when stdout is flushed and its error event, if any, has been handled. */
async function stdoutIsWritten(): Promise<void> {
  await new Promise((resolve) => process.stdout.write('', resolve));
  await setImmediate();
}

/** Makes the line that the user sees of an error; with `debug`, all of it. */
export function describeError(error: unknown, debug?: string): string {
  if (debug) return inspect(error);
  const isExpected = error instanceof RoseinferError;
  const [line] = (isExpected ? error.message : String(error)).split('\n', 1);
  return `error: ${line}`;
}
