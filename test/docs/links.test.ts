// Documents point to existing places: links, their anchors, and the files that the prose names.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Document, documents, pages, ROOT, readDocument } from './documents.ts';

/** Most lines of the README. */
const MAX_README_LINES = 160;

/** Folders at the top; a code span that begins with one names a file, unless it has a placeholder. */
const NAMES_FILE = /^(?:src|shaders|bench|test|docs|weights|\.setup|\.ci)\/(?!.*NAME)[\w./-]*$/;

/** Anchors of a document's headings, as GitHub makes them. */
function anchorsOf({ prose }: Pick<Document, 'prose'>): string[] {
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Relative links that lead nowhere. */
function brokenLinks(document: Pick<Document, 'path' | 'prose'>): string[] {
  const links = [...document.prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [file = '', anchor] = link.split('#');
    const path = file === '' ? document.path : join(dirname(document.path), file);
    if (!existsSync(join(ROOT, path))) return true;
    if (anchor === undefined) return false;
    return !anchorsOf(file === '' ? document : readDocument(path)).includes(anchor);
  });
}

/** Files that code spans name and the repository does not have. */
function missingFiles({ prose }: Pick<Document, 'prose'>): string[] {
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return spans.filter((span) => NAMES_FILE.test(span) && !existsSync(join(ROOT, span)));
}

describe.each(documents)('$path', (document) => {
  test('has no broken link', () => expect(brokenLinks(document)).toEqual([]));
  test('names no missing file', () => expect(missingFiles(document)).toEqual([]));
});

test('every block is a program that is run, a command that is checked, or text', () => {
  const languages = documents.flatMap(({ blocks }) => blocks.map(({ language }) => language));
  // Python stands in weights/gpt2/README.md alone, for a machine that has torch.
  // Configurations of nginx and Prometheus stand in docs/server.md, and are read by server-clients.test.ts; the JSON is the
  // schema of docs/structured-output.md, with which command-line.test.ts runs the commands after it.
  expect([...new Set(languages)].toSorted()).toEqual(['jinja', 'json', 'nginx', 'python', 'sh', 'text', 'ts', 'yaml']);
});

test.each(pages)('$path opens with the question that it answers', ({ text }) => {
  expect(text).toMatch(/^# .+\n\nThis page answers: .*\?/);
});

test('README.md is one page and leads to every other', () => {
  const readme = readDocument('README.md');
  expect(readme.text.trimEnd().split('\n').length).toBeLessThanOrEqual(MAX_README_LINES);
  for (const { path } of pages) expect(readme.text).toContain(`(${path})`);
});

test('README.md names each page to one kind of readers', () => {
  const [, list = ''] = readDocument('README.md').text.split('\n## Documents\n');
  const entries = list.trim().split(/^- /m).slice(1);
  expect(entries.map((entry) => /^\*\*(.*?)\*\*: /.exec(entry)?.[1])).toEqual([
    'Begin',
    'Run it for others',
    'Study models and kernels',
    'Change it',
  ]);
  for (const { path } of pages)
    expect([path, entries.filter((entry) => entry.includes(`(${path})`)).length]).toEqual([path, 1]);
});

test('a broken link, a missing anchor and a missing file are found', () => {
  const prose =
    '# One `x.ts`\n[a](gone.md) [b](../README.md#no) [c](#one-xts) [d](https://example.org) `src/gone.ts` `src/`';
  expect(brokenLinks({ path: 'docs/kernels.md', prose })).toEqual(['gone.md', '../README.md#no']);
  expect(missingFiles({ prose })).toEqual(['src/gone.ts']);
});

test('test/fixtures/README.md names every fixture and every script', () => {
  const { text } = readDocument('test/fixtures/README.md');
  const fixtures = readdirSync(join(ROOT, 'test/fixtures')).filter((name) => name !== 'README.md');
  const models = readdirSync(join(ROOT, 'test/fixtures/models')).map((name) => `models/${name}`);
  const scripts = readdirSync(join(ROOT, 'test/fixtures/scripts')).filter((name) => name !== 'common.py');
  for (const name of [...fixtures, ...models, ...scripts]) expect(text).toContain(name);
});

/** Names of the folders, or of the files, in a folder of the repository. */
function namesIn(path: string, kind: 'folders' | 'files'): string[] {
  const entries = readdirSync(join(ROOT, path), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() === (kind === 'folders')).map(({ name }) => name);
}

describe('docs/architecture.md has', () => {
  const { text, blocks } = readDocument('docs/architecture.md');
  const [sources = '', benchmarks = ''] = blocks.map(({ code }) => code);

  test('every folder of src/ in its drawing and in its table, and every file beside them', () => {
    for (const name of namesIn('src', 'folders')) {
      expect(sources).toMatch(new RegExp(`\\b${name}\\b`));
      expect(text).toContain(`| \`src/${name}/\` |`);
    }
    for (const name of namesIn('src', 'files')) expect(text).toContain(`\`src/${name}\``);
  });

  test('every folder of bench/ in its drawing', () => {
    for (const name of namesIn('bench', 'folders')) expect(benchmarks).toMatch(new RegExp(`(^|\\s)${name}\\s`));
  });

  test('every folder of test/ that is named after none of src/', () => {
    const others = ['bench', ...namesIn('src', 'folders')];
    for (const name of namesIn('test', 'folders')) {
      if (!others.includes(name)) expect(text).toContain(`\`test/${name}/\``);
    }
  });
});
