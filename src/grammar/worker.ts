// Program of the thread in which xgrammar runs: grammars, matchers and their masks. One thing is done at a time, and what cannot
// be interrupted ends with the thread.
import { parentPort, workerData } from 'node:worker_threads';
import type { CompiledGrammar, GrammarMatcher } from '@mlc-ai/web-xgrammar';
import { lettersOfBytes } from '../tokenizer/byte-letters.ts';
import { refusalOf } from './errors.ts';
import { readGrammar, writeGrammar } from './expression.ts';
import { printEbnf } from './print-ebnf.ts';
import { grammarOf, type StructuredOutput } from './structured-output.ts';
import type { FromThread, ThreadData, ToThread, Work } from './worker-messages.ts';
import { loadXGrammar } from './xgrammar.ts';

const { vocabulary, progress, maxBytes }: ThreadData = workerData;

/** Results of work. */
type Result = Pick<FromThread, 'refusedId' | 'text' | 'refusal'>;

/** Memory of WebAssembly, as far as it is used here: the types of Node know none. */
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(numPages: number): number;
}

/** Memory of the library. */
let memory: Memory | null = null;
/** Bytes of a page of WebAssembly. */
const PAGE = 65_536;
limitMemory();

const library = loadXGrammar();
const compiler = openCompiler();
const grammars = new Map<number, CompiledGrammar>();
const matchers = new Map<number, { readonly matcher: GrammarMatcher; readonly mask: Int32Array<SharedArrayBuffer> }>();
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
  const reply = await work().catch((error: unknown) => ({
    trap: error instanceof Error ? error.message : String(error),
  }));
  Atomics.store(progress, 0, number);
  const message: FromThread = { number, numBytes: memory?.buffer.byteLength ?? 0, ...reply };
  parentPort?.postMessage(message);
}

async function run(work: Work): Promise<Result> {
  switch (work.kind) {
    case 'read':
      return read(work.output);
    case 'compile':
      grammars.set(work.grammar, await (await compiler).compileGrammar(printEbnf(readGrammar(work.text))));
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

/** Reads an output: its grammar as a text, or why it can't be kept. */
function read(output: StructuredOutput): Result {
  try {
    return { text: writeGrammar(grammarOf(output)) };
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === null) throw error;
    return { refusal };
  }
}

async function start({ grammar, matcher: number, ids, mask }: Extract<Work, { kind: 'start' }>) {
  const compiled = grammars.get(grammar);
  if (compiled === undefined) throw new Error(`there is no grammar ${grammar}`);
  const matcher = await library.GrammarMatcher.createGrammarMatcher(compiled);
  matchers.set(number, { matcher, mask });
  return accept(number, ids);
}

/** Accepts ids and writes the mask after them; gives the first that is not allowed. */
async function accept(number: number, ids: readonly number[]): Promise<Result> {
  const found = matchers.get(number);
  if (found === undefined) throw new Error(`there is no matcher ${number}`);
  for (const id of ids) if (!found.matcher.acceptToken(id)) return { refusedId: id };
  found.mask.set(await found.matcher.getNextTokenBitmask());
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
