// Compiled grammars of both kinds: those of xgrammar, and those that are walked as texts go on.
import type { CompiledGrammar } from '@mlc-ai/web-xgrammar';
import type { Pushdown, Situation } from './pushdown.ts';
import type { TokenTree } from './token-tree.ts';

/** Longest mask of xgrammar, in milliseconds, before a grammar is walked: most take less than one. */
const SLOW_MS = 100;

/** A grammar that texts can be matched with. */
export interface Compiled {
  match(): Promise<Matching>;
  /** Words of memory of what was remembered while texts were matched. */
  readonly numHeld: number;
  forget(): void;
  dispose(): void;
}

/** A text in a grammar. */
export interface Matching {
  /** Tells whether a token may follow, and goes on after it if so. */
  accept(id: number): boolean;
  /** Gives the mask of the tokens that may follow. */
  mask(): Promise<Int32Array>;
  dispose(): void;
}

/** Makes a grammar of xgrammar's. */
export function libraryGrammar(
  { GrammarMatcher }: Pick<typeof import('@mlc-ai/web-xgrammar'), 'GrammarMatcher'>,
  grammar: CompiledGrammar,
): Compiled {
  return {
    match: async () => {
      const matcher = await GrammarMatcher.createGrammarMatcher(grammar);
      return {
        accept: (id) => matcher.acceptToken(id),
        mask: () => matcher.getNextTokenBitmask(),
        dispose: () => matcher.dispose(),
      };
    },
    numHeld: 0,
    forget: () => {},
    dispose: () => grammar.dispose(),
  };
}

/**
 * Makes a grammar of xgrammar's that is walked from its first slow mask on: of an ambiguous grammar each mask takes longer than the one
 * before it, up to seconds. Masks of both are the same.
 *
 * @param walk Makes the grammar that is walked.
 * @param slowMs Longest mask of xgrammar, in milliseconds.
 */
export function watchedGrammar(grammar: Compiled, walk: () => Compiled, slowMs: number = SLOW_MS): Compiled {
  let walked: Compiled | null = null;
  return {
    match: async () => {
      const ids: number[] = [];
      let isWalked = walked !== null;
      let matching = await (walked ?? grammar).match();
      return {
        accept: (id) => {
          ids.push(id);
          return matching.accept(id);
        },
        mask: async () => {
          const start = performance.now();
          const mask = await matching.mask();
          if (performance.now() - start > slowMs) walked ??= walk();
          if (walked === null || isWalked) return mask;
          isWalked = true;
          matching.dispose();
          matching = await walked.match();
          for (const id of ids) matching.accept(id);
          return mask;
        },
        dispose: () => matching.dispose(),
      };
    },
    get numHeld() {
      return walked?.numHeld ?? 0;
    },
    forget: () => walked?.forget(),
    dispose: () => grammar.dispose(),
  };
}

/** Makes a grammar that is walked, and its first mask, so that a compilation takes as long as a mask. */
export function walkedGrammar(tree: TokenTree, grammar: Pushdown): Compiled {
  tree.mask(grammar, grammar.start);
  return {
    match: async () => {
      let at: Situation = grammar.start;
      return {
        accept: (id) => {
          const next = tree.step(grammar, at, id);
          at = next ?? at;
          return next !== null;
        },
        mask: async () => tree.mask(grammar, at),
        dispose: () => {},
      };
    },
    get numHeld() {
      return grammar.numHeld;
    },
    forget: () => grammar.forget(),
    dispose: () => {},
  };
}
