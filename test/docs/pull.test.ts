// The commands of docs/models.md on models of the hub, executed in their order with a stub in the hub's place.
// @module-tag sweep
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { HubStub, repoOf } from '../support/hub/hub-stub.ts';
import { startNode } from '../support/run-node.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { flagsOf } from './commands.ts';
import { readDocument, shellLines } from './documents.ts';

const PAGE = 'docs/models.md';
const lines = shellLines.filter(({ place, line }) => place.startsWith(PAGE) && line.startsWith('npx roseinfer '));

test('the commands that the page prints bring a model and use it', async () => {
  await using stub = await HubStub.start();
  const names = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'];
  const files = names.map((name) => {
    return [name, { bytes: readFileSync(`weights/tales/${name}`), isLarge: name.endsWith('.safetensors') }] as const;
  });
  stub.repos.set('openai-community/gpt2', repoOf(Object.fromEntries(files)));
  const unset = { HF_TOKEN: '', HF_HUB_CACHE: '', HF_HUB_OFFLINE: '' };
  const env = { ...unset, HF_HOME: temporaryDirectory(), HF_ENDPOINT: stub.url };
  expect(lines.map(({ line }) => line.split(' ')[2])).toEqual(expect.arrayContaining(['pull', 'generate']));
  for (const { line } of lines) {
    const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '').slice(2);
    const { child, ended } = startNode(['src/cli/roseinfer.js', ...words], { env });
    onTestFinished(() => void child.kill());
    const { status, stdout, stderr } = await ended;
    expect(status, stderr).toBe(0);
    expect(stdout.trim()).not.toBe('');
  }
});

test('the page lists the flags of pull', () => {
  const [, table = ''] = /\| flag of `pull` .*\n((?:\|.*\n)+)/.exec(readDocument(PAGE).text) ?? [];
  const listed = [...table.matchAll(/^\| `(--[\w-]+)`/gm)].map(([, flag]) => flag);
  expect(['--help', ...listed].toSorted()).toEqual([...flagsOf('src/cli/roseinfer.js', 'pull')].toSorted());
});
