import type { InferredOptionTypes } from 'yargs';
import { integerFlag, modelFlags } from '../../src/terminal/flags.ts';
import { parseFlags } from '../common/parse-flags.ts';

const flags = {
  ...modelFlags,
  model: { ...modelFlags.model, defaultDescription: 'random:gpt2' },
  rounds: { ...integerFlag('rounds', 1), default: 5, describe: 'rounds over all lengths; the median is reported' },
};

/** The flags of the context benchmark, checked, under the names they have on the command line. */
export type ContextArgs = InferredOptionTypes<typeof flags>;

/**
 * Reads the command line; null when it asked for help, which has been printed then.
 *
 * @throws UsageError naming the flag, its value and what was expected.
 */
export function parseContextArgs(argv: readonly string[]): ContextArgs | null {
  const usage = 'node bench/context.ts [flags]\n\nTimes the decoding of one sequence at several context lengths.';
  return parseFlags(argv, usage, flags);
}
