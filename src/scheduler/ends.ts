// Ends of a sequence by its newest id. Ends by its text are the engine's: a scheduler knows no text.
import type { ReadonlySequence } from '../core/sequence.ts';

/** Returns the reason why a sequence ends with its newest id; null when it goes on. */
export function reasonToStop(sequence: ReadonlySequence, id: number): 'stop' | 'length' | null {
  const { ids, params } = sequence;
  if (isEos(sequence, id) || params.stopTokenIds.includes(id)) return 'stop';
  return ids.length >= params.maxTokens ? 'length' : null;
}

/** Tells whether the id ends the sequence as an eos: where its constraint allowed nothing but an end, even if it ignores them. */
export function isEos(
  { eosIds, params, constraint }: Pick<ReadonlySequence, 'eosIds' | 'params' | 'constraint'>,
  id: number,
): boolean {
  return eosIds.includes(id) && (!params.ignoreEos || constraint?.allowed?.isComplete === true);
}
