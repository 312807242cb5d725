// The Markdown documents as tests see them: code blocks with what they should print, tables, links, names of files.
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
  /** The text block that is introduced as what this one prints, or null. */
  readonly prints: string | null;
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
/** What may stand between a program and the block that shows its output. */
const INTRODUCES_OUTPUT = /^\s*It prints:\s*$/;

/** Reads one document. */
export function readDocument(path: string): Document {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const found = [...text.matchAll(BLOCK)];
  const blocks = found.map(({ 0: whole, 1: language = '', 2: code = '', index }, i) => {
    const line = text.slice(0, index).split('\n').length;
    const next = found[i + 1];
    const between = text.slice(index + whole.length, next?.index);
    const prints = next?.[1] === 'text' && INTRODUCES_OUTPUT.test(between) ? (next[2] ?? '') : null;
    return { place: `${path}:${line}`, language, code, prints };
  });
  return { path, text, blocks, prose: text.replaceAll(BLOCK, '') };
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

/** The programs that documents print, with a file name for each. */
export const examples = documents
  .flatMap(({ blocks }) => blocks)
  .filter(({ language }) => language === 'ts')
  .map((block) => ({ ...block, file: `${block.place.replaceAll(/\W/g, '-')}.ts` }));

/** The lines of shell blocks. */
export const shellLines = documents
  .flatMap(({ blocks }) => blocks)
  .filter(({ language }) => language === 'sh')
  .flatMap(({ place, code }) => code.split('\n').map((line) => ({ place, line })))
  .filter(({ line }) => line !== '');
