// The log: a JSON line for each call, without prompts, outputs, paths and keys.
import { type Logger, pino } from 'pino';

export type { Logger };

/** Names of the levels, the most talkative first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** How much is logged. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Place that lines are written to. */
export interface LogSink {
  write(line: string): void;
}

/** Makes a log on stdout, which never waits for the reader, or on a sink. */
export function createLog(level: LogLevel, sink?: LogSink): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (sink !== undefined) return pino(options, sink);
  const stdout = pino.destination({ dest: 1, sync: false });
  // A reader that left is no reason to end.
  stdout.on('error', () => {});
  return pino(options, stdout);
}
