// The compiler of grammars as an owner of a thread: it gives up what overruns or fails, goes on with the rest, and ends when told to.
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { Constraint } from '../../src/core/constraint.ts';
import { GrammarClosedError, GrammarFailedError, StructuredOutputError } from '../../src/grammar/errors.ts';
import { type Expression, rule, text, writeGrammar } from '../../src/grammar/expression.ts';
import { GrammarCompiler } from '../../src/grammar/grammar-compiler.ts';
import { type FailedWork, GrammarThread } from '../../src/grammar/grammar-thread.ts';
import { readVocabulary, type Vocabulary } from '../../src/grammar/vocabulary.ts';
import type { FromThread, Work } from '../../src/grammar/worker-messages.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { runWhole } from '../../src/util/turns.ts';
import { compilersOfEachTest } from '../support/grammar/compilers-of-each-test.ts';
import { allowedIds, randomNumbers, tales, walk } from '../support/grammar/walk.ts';

const NUMBERS = { json: { type: 'array', items: { type: 'integer' } } };
/** Millions of pairs of ranges that have to be apart: read for many seconds. */
const SLOW = {
  json: { oneOf: Array.from({ length: 8000 }, (_, index) => ({ type: 'integer', minimum: index, maximum: index })) },
};
/** Longest compilation where one is to be given up: long enough for a busy machine to compile the others. */
const MAX_COMPILE_MS = 3000;

const open = compilersOfEachTest();

/** Makes a vocabulary of random tokens. */
function manyTokens(size: number, length: number): Vocabulary {
  const random = randomNumbers(5);
  const bytes = new Uint8Array(new SharedArrayBuffer(size * length));
  for (let at = 0; at < bytes.length; at++) bytes[at] = 97 + Math.floor(26 * random());
  const ends = new Uint32Array(new SharedArrayBuffer(4 * size));
  for (let id = 0; id < size; id++) ends[id] = (id + 1) * length;
  return { size, eosIds: [0], bytes, ends };
}

/** Follows a text through a constraint and gives the ids that are allowed after it. */
async function allowedAfter(constraint: Constraint, text: string) {
  let state = constraint.start();
  for (const id of tales.encode(text)) state = constraint.accept(state, id);
  const ids = allowedIds(await constraint.allowed(state));
  return { state, ids };
}

test('a mask allows the tokens that go on with a text, and the end where the text may end', async () => {
  const constraint = await open().compile({ choice: ['Once', 'One'] });
  const start = await allowedAfter(constraint, '');
  expect(start.ids.map((id) => tales.decode([id], { skipSpecialTokens: false })).sort()).toEqual(
    expect.arrayContaining(['O', 'On']),
  );
  expect(start.ids).not.toContain(tales.eosIds[0]);
  const end = await allowedAfter(constraint, 'Once');
  expect(end.ids).toEqual([...tales.eosIds]);
  for (const { state } of [start, end]) constraint.end?.(state);
});

test('a mask ends a number where its range does: xgrammar alone reads more digits after a sign', async () => {
  const range = { type: 'integer', exclusiveMinimum: -1000, exclusiveMaximum: 1001 };
  const constraint = await open().compile({ json: range });
  for (const number of ['-167', '167', '1000']) {
    const { state, ids } = await allowedAfter(constraint, number);
    expect([number, ids]).toEqual([number, [...tales.eosIds]]);
    constraint.end?.(state);
  }
});

test('what is held is counted, and nothing is after it ended and was closed', async () => {
  const compiler = open();
  expect(compiler.stats).toEqual({ matchers: 0, grammars: 0, threads: 0 });
  const constraint = await compiler.compile(NUMBERS);
  await compiler.compile(NUMBERS);
  const states = [constraint.start(), constraint.start()];
  expect(compiler.stats).toEqual({ matchers: 2, grammars: 1, threads: 1 });
  for (const state of states) constraint.end?.(state);
  for (const state of states) constraint.end?.(state);
  expect(compiler.stats.matchers).toBe(0);
  await compiler.close();
  await compiler.close();
  expect(compiler.stats).toEqual({ matchers: 0, grammars: 0, threads: 0 });
});

test('a grammar that takes too long is given up, and requests that are under way go on where they were', async () => {
  const compiler = open(MAX_COMPILE_MS);
  const constraint = compiler.constraint(NUMBERS);
  const { state, ids } = await allowedAfter(constraint, '[1');
  const failure = await compiler.compile(SLOW).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(GrammarFailedError);
  expect(String(failure)).toMatch('the grammar was given up: took longer than 3000 ms');
  const [digit = 0] = tales.encode('2');
  const after = await constraint.allowed(constraint.accept(state, digit));
  expect(allowedIds(after)).toEqual((await allowedAfter(constraint, '[12')).ids);
  expect(ids).toContain(digit);
  expect((await walk(constraint, 7)).hasEnded).toBe(true);
});

test('requests that wait for a grammar that is given up end with its error, and those after it are served', async () => {
  const compiler = open(MAX_COMPILE_MS);
  const [bad, good] = [compiler.constraint(SLOW), compiler.constraint({ choice: ['Once'] })];
  const [lost, kept] = [bad.start(), good.start()];
  const [first, second] = await Promise.allSettled([bad.allowed(lost), good.allowed(kept)]);
  expect(first).toMatchObject({ status: 'rejected', reason: expect.any(GrammarFailedError) });
  expect(second.status).toBe('fulfilled');
  bad.end?.(lost);
  good.end?.(kept);
  expect(compiler.stats).toEqual({ matchers: 0, grammars: 1, threads: 1 });
});

test('an id that the grammar does not allow ends its request, and no other', async () => {
  const compiler = open();
  const constraint = await compiler.compile(NUMBERS);
  const wrong = constraint.accept(constraint.start(), tales.encode('x')[0] ?? 0);
  await expect(constraint.allowed(wrong)).rejects.toThrow(/id \d+ is none that the grammar allows after 0 ids/);
  expect(() => constraint.allowed(wrong)).toThrow(GrammarFailedError);
  expect((await allowedAfter(constraint, '[')).ids.length).toBeGreaterThan(0);
});

test('closing ends requests that are under way, and nothing starts afterwards', async () => {
  const compiler = open();
  const constraint = await compiler.compile(NUMBERS);
  const waiting = Promise.resolve(constraint.allowed(constraint.start()));
  const closed = expect(waiting).rejects.toThrow(GrammarClosedError);
  await compiler.close();
  await closed;
  expect(() => constraint.start()).toThrow('the compiler of grammars is closed');
  await expect(compiler.compile(NUMBERS)).rejects.toThrow(GrammarClosedError);
});

test('a thread is not opened again by what was being read when a compiler was closed', async () => {
  const compiler = open();
  // It can't be copied for a thread, so that it is read at once.
  const reading = expect(compiler.compile({ json: new Proxy({}, {}) })).rejects.toThrow(GrammarClosedError);
  await compiler.close();
  await reading;
  expect(compiler.stats).toEqual({ matchers: 0, grammars: 0, threads: 0 });
});

test('what a caller in JavaScript may get wrong is named', async () => {
  const tokenizer = tales;
  const vocabSize = tales.vocabSize;
  expect(() => new GrammarCompiler({ tokenizer, vocabSize, eosIds: [] })).toThrow('a token that ends a text');
  expect(() => new GrammarCompiler({ tokenizer: Tokenizer.idsOnly(9), vocabSize: 9 })).toThrow(StructuredOutputError);
  // @ts-expect-error vocabSize is a number
  expect(() => new GrammarCompiler({ tokenizer, vocabSize: '9' })).toThrow('vocabSize is "9", expected an integer ≥ 1');
  // @ts-expect-error both are needed
  expect(() => new GrammarCompiler({})).toThrow('tokenizer is undefined, expected a tokenizer');
  // @ts-expect-error vocabSize is needed
  expect(() => new GrammarCompiler({ tokenizer })).toThrow('vocabSize is undefined, expected an integer ≥ 1');
  // @ts-expect-error no tokenizer
  expect(() => new GrammarCompiler({ tokenizer: {}, vocabSize })).toThrow(
    'tokenizer is an object, expected a tokenizer',
  );
  expect(() => new GrammarCompiler({ tokenizer, vocabSize, eosIds: [1, 8192] })).toThrow(
    'eosIds[1] is 8192, expected an integer in [0, 8192)',
  );
  expect(() => new GrammarCompiler({ tokenizer, vocabSize, maxCompileMs: 1e12 })).toThrow(
    'maxCompileMs is 1000000000000, expected a number in [1, 2147483647]',
  );
  // @ts-expect-error there is no such key
  expect(() => open().constraint({ schema: {} })).toThrow(
    /key of structuredOutput is "schema", expected one of json, /,
  );
  expect(() => open().constraint({})).toThrow(
    'number of keys of structuredOutput is 0, expected 1 of json, jsonObject',
  );
  expect(() => open().constraint({ choice: [] })).toThrow('choice is [], expected a list of texts, none empty');
  expect(() => open().constraint({ choice: new Array(2) })).toThrow('expected a list of texts, none empty');
  // Another thread sees no keys of a prototype.
  expect(() => open().constraint(Object.create({ regex: 'a' }))).toThrow('number of keys of structuredOutput is 0');
  // @ts-expect-error only true
  expect(() => open().constraint({ jsonObject: false })).toThrow('jsonObject is false, expected true, or left out');
});

test('a thread is over that the library has failed in, for a text that is none or for memory, and says over which work', async () => {
  const ofTales = runWhole(readVocabulary(tales, tales.vocabSize, tales.eosIds));
  /** Tells over which work a thread ended, or that it did the work. */
  const outcome = (work: Work, vocabulary = ofTales, maxBytes?: number) =>
    new Promise<unknown[]>((resolve) => {
      const done = (each: Work, { trap }: FromThread) => void thread.close().then(() => resolve([each, trap]));
      const failed = (each: FailedWork, problem: string) => resolve([each, problem]);
      const thread = new GrammarThread(Promise.resolve(vocabulary), { done, failed }, maxBytes);
      thread.post(work, 60_000);
    });
  const compile = (expression: Expression): Work => {
    const rules = new Map([['root', expression]]);
    return { kind: 'compile', grammar: 1, text: writeGrammar({ rules, root: 'root' }) };
  };
  const [good, broken] = [compile(text('a')), compile(rule('missing'))];
  expect(await outcome(good)).toEqual([good, undefined]);
  expect(await outcome(broken)).toEqual([broken, expect.stringMatching('Aborted')]);
  // The library has 16 MiB from the start, and needs more for 400,000 tokens.
  expect(await outcome(good, manyTokens(400_000, 8), 2 ** 24)).toEqual(['start', expect.stringMatching('Aborted')]);
});

test('a compiler that does nothing does not keep the process alive', () => {
  const program = `
    import { GrammarCompiler } from './src/grammar/grammar-compiler.ts';
    import { Tokenizer } from './src/tokenizer/tokenizer.ts';
    const tokenizer = await Tokenizer.load('weights/tales');
    const compiler = new GrammarCompiler({ tokenizer, vocabSize: tokenizer.vocabSize, maxCompileMs: 20000 });
    const constraint = await compiler.compile({ choice: ['a'] });
    await constraint.allowed(constraint.start());
    console.log(compiler.stats.threads);`;
  const args = ['--input-type=module-typescript', '--eval', program];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 });
  expect(stderr).toBe('');
  expect([status, stdout]).toEqual([0, '1\n']);
});
