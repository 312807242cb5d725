import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readDataset } from '../../../bench/open-loop/dataset.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-dataset-'));
});

afterAll(() => rm(directory, { recursive: true }));

async function fileOf(text: string): Promise<string> {
  const path = join(directory, 'trace.jsonl');
  await writeFile(path, text);
  return path;
}

describe('readDataset', () => {
  test('reads lengths or prompts, in order of arrival, and skips empty lines and other keys', async () => {
    const path = await fileOf(
      '{"timestamp_ms": 20.5, "input_length": 3, "output_length": 4, "hash_ids": [1]}\n\n' +
        '{"timestamp_ms": 0, "prompt": "", "output_length": 1, "priority": -2}\n',
    );
    expect(await readDataset(path)).toEqual([
      { timestampMs: 0, prompt: '', outputLength: 1, priority: -2 },
      { timestampMs: 20.5, inputLength: 3, outputLength: 4 },
    ]);
  });

  const good = '{"timestamp_ms": 0, "input_length": 3, "output_length": 4}';
  test.each([
    ['{"timestamp_ms": 0,', '{"timestamp_ms": 0, is no JSON object, expected one a line'],
    ['[1, 2]', '[1, 2] is no JSON object, expected one a line'],
    ['null', 'null is no JSON object, expected one a line'],
    ['{"input_length": 3, "output_length": 4}', 'timestamp_ms is missing, expected a number ≥ 0'],
    [good.replace('0', '-1'), 'timestamp_ms is -1, expected a number ≥ 0'],
    [good.replace('0', '"now"'), 'timestamp_ms is "now", expected a number ≥ 0'],
    [good.replace('3', '0'), 'input_length is 0, expected an integer ≥ 1, or a prompt instead'],
    [good.replace('4', '1.5'), 'output_length is 1.5, expected an integer ≥ 1'],
    [good.replace('}', ', "priority": "high"}'), 'priority is "high", expected a number'],
    [good.replace('}', ', "prompt": "a"}'), 'input_length is 3, expected none beside a prompt'],
    [good.replace('"input_length": 3', '"prompt": 3'), 'prompt is 3, expected text'],
  ])('names file and line of %j', async (line, problem) => {
    const path = await fileOf(`${good}\n\n${line}\n${good}\n`);
    await expect(readDataset(path)).rejects.toThrow(
      expect.objectContaining({ name: 'JsonLinesError', path, line: 3, message: `${path}, line 3: ${problem}` }),
    );
  });

  test('names a file that is missing, or has no requests', async () => {
    const missing = join(directory, 'missing.jsonl');
    const message = `${missing}: ENOENT, expected a file that can be read`;
    await expect(readDataset(missing)).rejects.toThrow(expect.objectContaining({ message, line: null }));
    const empty = await fileOf('\n');
    await expect(readDataset(empty)).rejects.toThrow(`${empty}: no lines, expected at least 1`);
  });
});
