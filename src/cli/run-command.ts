import { inspect } from 'node:util';
import { RoseinferError } from '../util/errors.ts';

/** Exit codes of a program that a signal ended: 128 + its number. */
const SIGINT_EXIT = 130;
const SIGPIPE_EXIT = 141;

/** A command was told to stop. */
class Interruption extends RoseinferError {
  readonly exitCode: number;

  constructor(reason: string, exitCode: number) {
    super(reason);
    this.exitCode = exitCode;
  }
}

/**
 * Runs a command to its end and sets the exit code; the process then ends by itself. Ctrl-C aborts `signal`, with
 * which the command stops and cleans up; a second one ends the process at once. A closed stdout aborts it, too.
 *
 * An error becomes one line on stderr, or all that is known of it when the environment variable DEBUG is set. One that
 * comes while the command cleans up behind another is told, too.
 */
export async function runCommand(command: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interrupt = new AbortController();
  const { signal } = interrupt;
  process.on('SIGINT', () => {
    if (signal.aborted) process.exit(SIGINT_EXIT);
    interrupt.abort(new Interruption('interrupted', SIGINT_EXIT));
  });
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    interrupt.abort(error.code === 'EPIPE' ? new Interruption('stdout was closed', SIGPIPE_EXIT) : error);
  });
  // Without a stderr there is nobody to tell.
  process.stderr.on('error', () => {});

  try {
    await command(signal);
    signal.throwIfAborted();
  } catch (error) {
    const isDouble = error instanceof SuppressedError;
    if (isDouble) console.error(describeError(error.error, process.env.DEBUG)); // what failed while cleaning up
    const cause: unknown = signal.aborted ? signal.reason : isDouble ? error.suppressed : error;
    if (!(cause instanceof Interruption)) console.error(describeError(cause, process.env.DEBUG));
    process.exitCode = cause instanceof Interruption ? cause.exitCode : 1;
  }
}

/** What the user sees of an error. */
export function describeError(error: unknown, debug?: string): string {
  if (debug) return inspect(error);
  const isExpected = error instanceof RoseinferError;
  const [line] = (isExpected ? error.message : String(error)).split('\n', 1);
  return `error: ${line}`;
}
