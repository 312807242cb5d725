// Program of the thread in which xgrammar runs: grammars, matchers and their masks. One thing is done at a time, and what cannot
// be interrupted ends with the thread.
import { parentPort, workerData } from 'node:worker_threads';
import { lettersOfBytes } from '../tokenizer/byte-letters.ts';
import { type Compiled, libraryGrammar, type Matching, walkedGrammar, watchedGrammar } from './compiled-grammar.ts';
import { refusalOf } from './errors.ts';
import { type Grammar, readGrammar, writeGrammar } from './expression.ts';
import { printEbnf } from './print-ebnf.ts';
import { Pushdown } from './pushdown.ts';
import { grammarOf, type StructuredOutput } from './structured-output.ts';
import { TokenTree } from './token-tree.ts';
import type { FromThread, ThreadData, ToThread, Work } from './worker-messages.ts';
import { loadXGrammar } from './xgrammar.ts';

const { vocabulary, progress, maxBytes }: ThreadData = workerData;

/** Results of work. */
type Result = Pick<FromThread, 'refusedId' | 'text' | 'readMs'>;

/** Memory of WebAssembly, as far as it is used here: the types of Node know none. */
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(numPages: number): number;
}

/** Memory of the library. */
let memory: Memory | null = null;
/** Words of memory of what all grammars remember, at most: 256 MiB, half of the thread's. */
const MAX_HELD = 2 ** 25;
/** Bytes of a page of WebAssembly. */
const PAGE = 65_536;
limitMemory();

const library = loadXGrammar();
const compiler = openCompiler();
/** The grammar that was read last, which is mostly compiled next. */
let lastRead: { readonly text: string; readonly grammar: Grammar } | null = null;
/** Tokens, for grammars that the library is not given. */
let tree: TokenTree | null = null;
const grammars = new Map<number, Compiled>();
const matchers = new Map<number, { readonly matcher: Matching; readonly mask: Int32Array<SharedArrayBuffer> }>();
/** Ends with the last message that came. */
let last: Promise<void> = answer(0, () => compiler.then(() => ({})));

parentPort?.on('message', ({ number, work }: ToThread) => {
  last = last.then(() => answer(number, () => run(work)));
});

async function openCompiler() {
  const { bytes, ends, size, eosIds } = vocabulary;
  const tokens = Array.from(ends, (end, id) => lettersOfBytes(bytes.subarray(ends[id - 1] ?? 0, end)));
  const info = await library.TokenizerInfo.createTokenizerInfo(tokens, 'byte_level', false, size, [...eosIds]);
  return library.GrammarCompiler.createGrammarCompiler(info, false);
}

/** Does some work and answers. */
async function answer(number: number, work: () => Promise<Result>): Promise<void> {
  const reply = await work().catch((error: unknown) => {
    const refusal = refusalOf(error);
    return refusal === null ? { trap: error instanceof Error ? error.message : String(error) } : { refusal };
  });
  forgetBeyond(MAX_HELD);
  Atomics.store(progress, 0, number);
  const message: FromThread = { number, numBytes: memory?.buffer.byteLength ?? 0, ...reply };
  parentPort?.postMessage(message);
}

/** Lets all grammars forget what was remembered while texts were matched, where that is more than some words of memory. */
function forgetBeyond(most: number): void {
  const held = grammars.values().reduce((sum, { numHeld }) => sum + numHeld, 0);
  if (held > most) for (const grammar of grammars.values()) grammar.forget();
}

async function run(work: Work): Promise<Result> {
  switch (work.kind) {
    case 'read':
      return read(work.output);
    case 'compile':
      grammars.set(work.grammar, await compile(work.text));
      return {};
    case 'drop':
      grammars.get(work.grammar)?.dispose();
      grammars.delete(work.grammar);
      return {};
    case 'start':
      return start(work);
    case 'accept':
      return accept(work.matcher, [work.id]);
    case 'end':
      matchers.get(work.matcher)?.matcher.dispose();
      matchers.delete(work.matcher);
      return {};
  }
}

function read(output: StructuredOutput): Result {
  const begin = performance.now();
  const grammar = grammarOf(output);
  lastRead = { grammar, text: writeGrammar(grammar) };
  return { text: lastRead.text, readMs: performance.now() - begin };
}

async function compile(text: string): Promise<Compiled> {
  const grammar = lastRead?.text === text ? lastRead.grammar : readGrammar(text);
  const printed = printEbnf(grammar);
  if (printed === null) return walk(grammar);
  const compiled = libraryGrammar(library, await (await compiler).compileGrammar(printed));
  return watchedGrammar(compiled, () => walk(grammar));
}

function walk(grammar: Grammar): Compiled {
  tree ??= new TokenTree(vocabulary);
  return walkedGrammar(tree, new Pushdown(grammar));
}

async function start({ grammar, matcher: number, ids, mask }: Extract<Work, { kind: 'start' }>) {
  const compiled = grammars.get(grammar);
  if (compiled === undefined) throw new Error(`there is no grammar ${grammar}`);
  const matcher = await compiled.match();
  matchers.set(number, { matcher, mask });
  return accept(number, ids);
}

/** Accepts ids and writes the mask after them; gives the first that is not allowed. */
async function accept(number: number, ids: readonly number[]): Promise<Result> {
  const found = matchers.get(number);
  if (found === undefined) throw new Error(`there is no matcher ${number}`);
  for (const id of ids) if (!found.matcher.accept(id)) return { refusedId: id };
  found.mask.set(await found.matcher.mask());
  return {};
}

/** Makes memory of WebAssembly in this thread end at a size: the library aborts where it gets no more. */
function limitMemory(): void {
  const prototype: Memory = Reflect.get(globalThis, 'WebAssembly').Memory.prototype;
  const { grow } = prototype;
  prototype.grow = function (this: Memory, numPages: number): number {
    memory = this;
    if (this.buffer.byteLength + numPages * PAGE > maxBytes) throw new RangeError(`more than ${maxBytes} bytes`);
    return Reflect.apply(grow, this, [numPages]);
  };
}
