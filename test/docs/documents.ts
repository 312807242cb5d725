// The documents as tests see them, Markdown and the examples in TSDoc: programs with what they print, commands, prose.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A fenced block. */
export interface CodeBlock {
  /** Document and line, for test reports. */
  readonly place: string;
  readonly language: string;
  readonly code: string;
  /** The text block that is introduced as the output of this one, or null. */
  readonly prints: string | null;
  /** The file that this block is introduced as a part of, or null. */
  readonly from: string | null;
}

/** A Markdown file. */
export interface Document {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly CodeBlock[];
  /** The text without its blocks. */
  readonly prose: string;
}

const BLOCK = /^```(\w*)\n(.*?)^```$/gms;
/** Text that may stand between a program and the block that shows its output. */
const INTRODUCES_OUTPUT = /^\s*It prints:\s*$/;
/** End of the text before a block that is a part of a file. */
const INTRODUCES_LISTING = /From `([^`]+)`:\s*$/;

/** Reads one document. */
export function readDocument(path: string): Document {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return { path, text, blocks: blocksOf(path, text), prose: text.replaceAll(BLOCK, '') };
}

function blocksOf(path: string, text: string): CodeBlock[] {
  const found = [...text.matchAll(BLOCK)];
  return found.map(({ 0: whole, 1: language = '', 2: code = '', index }, i) => {
    const line = text.slice(0, index).split('\n').length;
    const next = found[i + 1];
    const between = text.slice(index + whole.length, next?.index);
    const prints = next?.[1] === 'text' && INTRODUCES_OUTPUT.test(between) ? (next[2] ?? '') : null;
    const from = INTRODUCES_LISTING.exec(text.slice(0, index))?.[1] ?? null;
    return { place: `${path}:${line}`, language, code, prints, from };
  });
}

/** The pages of docs/. */
export const pages = readdirSync(join(ROOT, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => readDocument(`docs/${name}`));

/** Every document of the repository. */
export const documents = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'test/fixtures/README.md'].map(readDocument),
  ...['weights/tales/README.md', 'weights/gpt2/README.md'].map(readDocument),
  ...pages,
];

/** The examples in the comments of a source file, as a document would have them. */
function readExamples(path: string): readonly CodeBlock[] {
  const lines = readFileSync(join(ROOT, path), 'utf8').split('\n');
  // Line by line, so that places stay true: text outside of comments is no block.
  return blocksOf(path, lines.map((line) => /^ *\* ?(.*)$/.exec(line)?.[1] ?? '').join('\n'));
}

/** The files of src/ with examples in their comments. */
const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => `src/${path}`)
  .filter((path) => readFileSync(join(ROOT, path), 'utf8').includes('* @example'));

const printed = [...documents.flatMap(({ blocks }) => blocks), ...sources.flatMap(readExamples)].filter(
  ({ language }) => language === 'ts',
);
/** The address at which the documents' servers listen: what names it needs one. */
export const SERVER_URL = 'http://127.0.0.1:8000';
const needsServer = ({ code }: CodeBlock) => code.includes(SERVER_URL);
const isForVitest = ({ code }: CodeBlock) => code.includes("from 'vitest'");
const isForAiSdk = ({ code }: CodeBlock) => code.includes("from 'ai'");
const nameOf = ({ place }: CodeBlock) => place.replaceAll(/\W/g, '-');

/** The programs that documents and comments print and that need the package alone, with a file name for each. */
export const examples = printed
  .filter((block) => !isForVitest(block) && !isForAiSdk(block) && !needsServer(block))
  .map((block) => ({ ...block, file: `${nameOf(block)}.ts` }));

/** The programs that need the AI SDK beside the package. */
export const sdkExamples = printed
  .filter((block) => isForAiSdk(block) && !needsServer(block))
  .map((block) => ({ ...block, file: `${nameOf(block)}.ts` }));

/** The programs that call a server. */
export const clientExamples = printed.filter(needsServer).map((block) => ({ ...block, file: `${nameOf(block)}.ts` }));

/** The tests for vitest that they print. */
export const testExamples = printed
  .filter(isForVitest)
  .map((block) => ({ ...block, file: `${nameOf(block)}.test.ts` }));

/** The lines of shell blocks. */
export const shellLines = documents
  .flatMap(({ blocks }) => blocks)
  .filter(({ language }) => language === 'sh')
  .flatMap(({ place, code }) => code.split('\n').map((line) => ({ place, line })))
  .filter(({ line }) => line !== '');
