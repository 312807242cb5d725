// The tables of parameters in docs/server.md say what the code checks, row by row.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { ROUTES } from '../../src/server/app.ts';
import { LoopDelay } from '../../src/server/loop-delay.ts';
import { Metrics } from '../../src/server/metrics.ts';
import { ENDPOINT_TABLES, rowsOf } from '../../src/server/parameters/tables.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { SERVER_LIMITS } from '../support/server/test-server.ts';
import { flagsOf } from './commands.ts';
import { ROOT } from './documents.ts';

const page = readFileSync(join(ROOT, 'docs/server.md'), 'utf8');

/** The rows of a table, as the page has to have them. */
function tableOf(path: keyof typeof ENDPOINT_TABLES): string[] {
  return rowsOf(ENDPOINT_TABLES[path]).map(([name, { treatment, expected, meaning }]) => {
    const text = `${meaning}`.replaceAll('|', '\\|');
    return `| \`${name}\` | ${treatment} | ${treatment === 'refused' ? '–' : expected.replaceAll('|', '\\|')} | ${text} |`;
  });
}

describe.each(Object.keys(ENDPOINT_TABLES) as (keyof typeof ENDPOINT_TABLES)[])('%s', (path) => {
  test('has a row for each parameter', () => {
    const [, section = ''] = page.split(`\n### ${path}\n`);
    const [, table = ''] = /^\| parameter \| .*\n\| --- .*\n((?:\|.*\n)+)/m.exec(section) ?? [];
    expect(table.trimEnd().split('\n')).toEqual(tableOf(path));
  });
});

test('every endpoint is listed', () => {
  for (const route of Object.keys(ROUTES)) {
    const [, path = ''] = route.split(' ');
    expect(page).toContain(path.replace(/:(\w+)(\{.*\})?$/, '{$1}'));
  }
});

test('every metric is listed, and no other, and those that a gateway reads are among them', async () => {
  using loopDelay = new LoopDelay();
  const none = () => 0;
  const runner = new FakeRunner(SERVER_LIMITS);
  await using engine = new Engine({ runner });
  const stats = () => engine.stats;
  const source = {
    modelName: 'm',
    limits: SERVER_LIMITS,
    loopDelay,
    stats,
    numConnections: none,
    storedBytes: none,
  };
  const text = await new Metrics(source).text();
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
  const listed = [...page.matchAll(/`((?:vllm:|roseinfer:|process_)\w+)`/g)].map(([, name = '']) => name);
  expect(listed.toSorted()).toEqual(names.toSorted());
  const [, gateway = ''] = readFileSync(join(ROOT, 'docs/scaling.md'), 'utf8').split('\n| signal | metric |\n');
  const read = [...gateway.matchAll(/`(vllm:\w+)`/g)].map(([, name = '']) => name);
  expect(read.length).toBeGreaterThan(3);
  expect(names).toEqual(expect.arrayContaining(read));
});

test('every code of an error is listed, and no other', () => {
  const folder = join(ROOT, 'src/server');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const sources = files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
  const used = [...sources.matchAll(/\bcode: '([a-z_]+)'|'(\w+_(?:parameter|exceeded|value|not_found))'/g)];
  const codes = new Set(used.map(([, first, second]) => first ?? second).filter((code) => code !== 'custom'));
  const [, table = ''] = /^\| status \| code .*\n\| --- .*\n((?:\|.*\n)+)/m.exec(page) ?? [];
  const cells = table
    .trimEnd()
    .split('\n')
    .map((row) => row.split(' | ')[1] ?? '');
  const listed = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, code]) => code));
  expect(listed.toSorted()).toEqual([...codes].toSorted());
});

test('flags that the page names exist', () => {
  const known = flagsOf('src/cli/roseinfer.js', 'serve');
  const named = [...page.matchAll(/`(--[a-z-]+)/g)].map(([, flag = '']) => flag);
  expect(named.filter((flag) => !known.has(flag))).toEqual([]);
});
