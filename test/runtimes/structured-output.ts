// Prints the first masks of structured outputs, of xgrammar's grammars and of those that are walked, and a refusal: the same on each runtime.
import { createHash } from 'node:crypto';
import { GrammarCompiler } from '../../src/grammar/grammar-compiler.ts';
import type { StructuredOutput } from '../../src/grammar/structured-output.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';

const OUTPUTS: readonly StructuredOutput[] = [
  { choice: ['yes', 'no'] },
  { json: { type: 'string', maxLength: 500 } },
  { json: { not: {} } },
];

const tokenizer = await Tokenizer.load('weights/tales');
await using compiler = new GrammarCompiler({ tokenizer, vocabSize: tokenizer.vocabSize, maxCompileMs: 20_000 });
for (const output of OUTPUTS) {
  try {
    const constraint = await compiler.compile(output);
    const mask = await constraint.allowed(constraint.start());
    console.log(createHash('sha256').update(mask).digest('hex'));
  } catch (error) {
    console.log(String(error));
  }
}
