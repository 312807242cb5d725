// Checks of a grammar before anything compiles it: each rule that is left has an end and reads something before it comes to
// itself again, and the whole is small enough. Options without an end are taken out, since a mask would lead into them.
import { GrammarLimitError, GrammarRuleError } from './errors.ts';
import { choice, type Expression, type Grammar, NOTHING, partsOf, repeat, sequence, sizeOf } from './expression.ts';

/** Most parts of a grammar, a repetition counted as often as it may be: beyond it, reading takes a second. */
const MAX_SIZE = 1_000_000;

/**
 * Checks a grammar and takes out what has no end.
 *
 * @param isStrict a rule without an end is an error; otherwise only a whole grammar without one.
 * @throws GrammarRuleError for such a rule and for one that comes to itself before it reads a character; GrammarLimitError
 * for too large a grammar.
 */
export function checkGrammar({ rules, root }: Grammar, isStrict: boolean): Grammar {
  const size = rules.values().reduce((sum, expression) => sum + 1 + sizeOf(expression), 0);
  if (size > MAX_SIZE) throw new GrammarLimitError('parts of the grammar, repetitions included', size, MAX_SIZE);
  const ending = satisfied(rules, (expression, ends) => hasEnd(expression, ends));
  const endless = rules.keys().find((name) => !ending.has(name) && (isStrict || name === root));
  if (endless !== undefined)
    throw new GrammarRuleError(endless, 'has no end: every text of it needs one more of itself');
  const pruned = new Map<string, Expression>();
  const waiting = [root];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const expression = rules.get(name);
    if (expression === undefined || pruned.has(name)) continue;
    const kept = prune(expression, ending);
    pruned.set(name, kept);
    waiting.push(...rulesIn(kept));
  }
  checkRecursion(pruned);
  return { rules: pruned, root };
}

/** Finds the names whose expressions have a property, given those that are known to have it: the least such set. */
function satisfied(
  rules: ReadonlyMap<string, Expression>,
  holds: (expression: Expression, names: ReadonlySet<string>) => boolean,
): ReadonlySet<string> {
  const users = new Map<string, Set<string>>();
  for (const [name, expression] of rules)
    for (const used of rulesIn(expression)) {
      const known = users.get(used) ?? new Set();
      users.set(used, known.add(name));
    }
  const names = new Set<string>();
  const waiting = [...rules.keys()];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const expression = rules.get(name);
    if (expression === undefined || names.has(name) || !holds(expression, names)) continue;
    names.add(name);
    waiting.push(...(users.get(name) ?? []));
  }
  return names;
}

function hasEnd(expression: Expression, ending: ReadonlySet<string>): boolean {
  switch (expression.kind) {
    case 'rule':
      return ending.has(expression.name);
    case 'sequence':
      return expression.parts.every((part) => hasEnd(part, ending));
    case 'choice':
      return expression.options.some((option) => hasEnd(option, ending));
    case 'repeat':
      return expression.least === 0 || hasEnd(expression.part, ending);
    default:
      return true;
  }
}

function prune(expression: Expression, ending: ReadonlySet<string>): Expression {
  switch (expression.kind) {
    case 'sequence':
      return sequence(...expression.parts.map((part) => prune(part, ending)));
    case 'choice':
      return choice(
        ...expression.options.filter((option) => hasEnd(option, ending)).map((option) => prune(option, ending)),
      );
    case 'repeat':
      if (!hasEnd(expression.part, ending)) return repeat(NOTHING, 0, 0);
      return repeat(prune(expression.part, ending), expression.least, expression.most);
    default:
      return expression;
  }
}

function canBeEmpty(expression: Expression, empty: ReadonlySet<string>): boolean {
  switch (expression.kind) {
    case 'text':
      return expression.text === '';
    case 'character':
      return false;
    case 'rule':
      return empty.has(expression.name);
    case 'sequence':
      return expression.parts.every((part) => canBeEmpty(part, empty));
    case 'choice':
      return expression.options.some((option) => canBeEmpty(option, empty));
    case 'repeat':
      return expression.least === 0 || canBeEmpty(expression.part, empty);
  }
}

/** Refuses a rule that begins with itself, directly or through others. */
function checkRecursion(rules: ReadonlyMap<string, Expression>): void {
  const empty = satisfied(rules, canBeEmpty);
  const done = new Set<string>();
  for (const start of rules.keys()) {
    // A search in depth without calls: a chain of rules may be long.
    const open = new Set<string>();
    const stack: { readonly name: string; readonly next: Iterator<string> }[] = [];
    const enter = (name: string) => {
      const expression = rules.get(name);
      if (expression === undefined || done.has(name)) return;
      if (open.has(name)) throw new GrammarRuleError(name, 'comes to itself before it reads a character');
      open.add(name);
      stack.push({ name, next: new Set(firstRules(expression, empty)).values() });
    };
    enter(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const { done: isOver, value } = top.next.next();
      if (!isOver) {
        enter(value);
        continue;
      }
      open.delete(top.name);
      done.add(top.name);
      stack.pop();
    }
  }
}

/** Yields the rules that may stand at the start of an expression's text. */
function* firstRules(expression: Expression, empty: ReadonlySet<string>): Generator<string> {
  if (expression.kind === 'rule') yield expression.name;
  for (const part of partsOf(expression)) {
    yield* firstRules(part, empty);
    if (expression.kind === 'sequence' && !canBeEmpty(part, empty)) return;
  }
}

function* rulesIn(expression: Expression): Generator<string> {
  if (expression.kind === 'rule') yield expression.name;
  for (const part of partsOf(expression)) yield* rulesIn(part);
}
