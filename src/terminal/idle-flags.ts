// Flags that were given and change nothing, because of others: named on stderr, since the run is sound without them.
import { flagsAmong } from './flag-words.ts';

/** Flags that have no effect when `isIdle`; `why` ends the sentence. */
export interface IdleFlags<Args> {
  readonly flags: readonly (keyof Args & string)[];
  readonly isIdle: (args: Args) => boolean;
  readonly why: string;
}

/** Flags of the filters of a draw. */
export const drawFlagNames = ['top-k', 'top-p', 'min-p'] as const;

/** Names on stderr each flag among joined words that has no effect, once. */
export function tellOfIdleFlags<Args>(words: readonly string[], args: Args, rules: readonly IdleFlags<Args>[]): void {
  const given = flagsAmong(words);
  for (const { flags, isIdle, why } of rules) {
    if (!isIdle(args)) continue;
    for (const flag of flags) if (given.delete(flag)) console.error(`--${flag} has no effect ${why}`);
  }
}
