// Which tokens end a text. Models name several, and some name none where their tokenizer does: all of them count.
import type { Runner } from '../core/runner.ts';
import { MAX_EOS_IDS } from '../core/sequence.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { RangeValueError } from '../util/errors.ts';
import { tokenId } from '../util/option-checks.ts';

/**
 * Unites the ids that the model's files name, which come first, with those of its tokenizer. Ids of the tokenizer that
 * the model has no row for are left out: the model never generates them.
 *
 * @throws RangeValueError when they are more than MAX_EOS_IDS, or one of the runner is no token of its vocabulary.
 */
export function uniteEosIds(
  { eosIds = [], limits }: Pick<Runner, 'limits'> & Partial<Pick<Runner, 'eosIds'>>,
  tokenizer: Pick<Tokenizer, 'eosIds'>,
): number[] {
  checkIds('eosIds of the runner', eosIds, limits.vocabSize);
  checkIds('eosIds of the tokenizer', tokenizer.eosIds, Number.POSITIVE_INFINITY);
  const united = [...new Set([...eosIds, ...tokenizer.eosIds.filter((id) => id < limits.vocabSize)])];
  if (united.length > MAX_EOS_IDS) {
    throw new RangeValueError('number of eos tokens', united.length, `at most ${MAX_EOS_IDS}`);
  }
  return united;
}

function checkIds(name: string, ids: unknown, end: number): void {
  if (!Array.isArray(ids) || !ids.every(tokenId(end).accepts))
    throw new RangeValueError(name, ids, `a list of integers in [0, ${end})`);
}
