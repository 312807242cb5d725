// Texts that two expressions have in common, by pairs of states of their automata: a `pattern` beside a `format`.
import { automatonOf, type State } from './automaton.ts';
import { intersectSets } from './character-set.ts';
import { GrammarLimitError } from './errors.ts';
import { character, choice, EMPTY, type Expression, sequence } from './expression.ts';
import type { Reserved, SchemaRules } from './schema-rules.ts';

/** Pairs of states, at most. */
const MAX_PAIRS = 10_000;

/**
 * Makes the expression of the texts of ASCII that two expressions have in common; what only another rule reads is left out.
 *
 * @throws GrammarLimitError for too many states.
 */
export function intersection(a: Expression, b: Expression, rules: Pick<SchemaRules, 'reserve'>): Expression {
  const [ofA, ofB] = [automatonOf(a), automatonOf(b)];
  const reserved = new Map<string, Reserved>();
  const waiting: (readonly [atA: number, atB: number])[] = [];
  const reach = (atA: number, atB: number): Expression => {
    const key = `${atA} ${atB}`;
    const known = reserved.get(key);
    if (known !== undefined) return known.expression;
    if (reserved.size === MAX_PAIRS) throw new GrammarLimitError('pairs of states', MAX_PAIRS + 1, MAX_PAIRS);
    const made = rules.reserve();
    reserved.set(key, made);
    waiting.push([atA, atB]);
    return made.expression;
  };
  const start = reach(0, 0);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [stateA, stateB] = [ofA[next[0]], ofB[next[1]]];
    const options = pairsOfSteps(stateA, stateB).map(([bytes, toA, toB]) =>
      sequence(character(bytes), reach(toA, toB)),
    );
    const ends = stateA?.isEnd && stateB?.isEnd ? [EMPTY] : [];
    reserved.get(next.join(' '))?.set(choice(...options, ...ends));
  }
  return start;
}

/** Lists the bytes that two states read both, and the states after them. */
function pairsOfSteps(a: State | undefined, b: State | undefined) {
  return (a?.steps ?? []).flatMap((stepA) =>
    (b?.steps ?? []).flatMap((stepB) => {
      if ('rule' in stepA.label || 'rule' in stepB.label) return [];
      const bytes = intersectSets(intersectSets(stepA.label.bytes, stepB.label.bytes), [[0, 0x7f]]);
      return bytes.length === 0 ? [] : [[bytes, stepA.next, stepB.next] as const];
    }),
  );
}
