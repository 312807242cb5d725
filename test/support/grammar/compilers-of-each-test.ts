// Compilers of grammars for the bundled model, closed after the test that opened them.
import { afterEach } from 'vitest';
import { GrammarCompiler } from '../../../src/grammar/grammar-compiler.ts';
import { tales } from './walk.ts';

/** Closes the compilers of each test after it. Returns a function that opens one, with time enough on a busy machine where none is given. */
export function compilersOfEachTest(): (maxCompileMs?: number) => GrammarCompiler {
  const opened: GrammarCompiler[] = [];
  afterEach(async () => {
    for (const compiler of opened.splice(0)) await compiler.close();
  });
  return (maxCompileMs = 20_000) => {
    const compiler = new GrammarCompiler({ tokenizer: tales, vocabSize: tales.vocabSize, maxCompileMs });
    opened.push(compiler);
    return compiler;
  };
}
