// Datasets as files: what is read, and the line that each refusal names.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readDataset } from '../../../bench/load/dataset.ts';

const { signal } = new AbortController();
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-dataset-'));
});

afterAll(() => rm(directory, { recursive: true }));

async function fileOf(text: string | Buffer): Promise<string> {
  const path = join(directory, 'dataset.jsonl');
  await writeFile(path, text);
  return path;
}

const timesOf = async (path: string) => (await readDataset(path, signal)).map(({ timestampMs }) => timestampMs);
const entryAt = (time: number | string) => `{"timestamp_ms": ${time}, "input_length": 3, "output_length": 4}`;

describe('readDataset', () => {
  test('reads lengths or prompts, in order of arrival, and skips empty lines and the hashes of published datasets', async () => {
    const path = await fileOf(
      '{"timestamp_ms": 20.5, "input_length": 3, "output_length": 4, "hash_ids": [1]}\n\n' +
        '{"timestamp_ms": 0, "prompt": "", "output_length": 1, "priority": -2}\n',
    );
    expect(await readDataset(path, signal)).toEqual([
      { place: { path, line: 3 }, timestampMs: 0, prompt: '', outputLength: 1, priority: -2 },
      { place: { path, line: 1 }, timestampMs: 20.5, inputLength: 3, outputLength: 4 },
    ]);
  });

  test('counts times from the first arrival, whatever the epoch and the order of the lines', async () => {
    const epoch = 1_790_000_000_000;
    const times = [epoch + 250, epoch, epoch + 250, epoch + 1000.5];
    expect(await timesOf(await fileOf(times.map(entryAt).join('\n')))).toEqual([0, 250, 250, 1000.5]);
    expect(await timesOf(await fileOf(entryAt(5000)))).toEqual([0]);
  });

  test('takes a byte order mark, ends of line of any kind, none at the last one, and characters across chunks', async () => {
    const text = `\uFEFF${entryAt(1)}\r\n\r\n \t\r\n${entryAt(2)}`;
    expect(await timesOf(await fileOf(text))).toEqual([0, 1]);
    const prompt = '€'.repeat(200_000);
    const path = await fileOf(`{"timestamp_ms":0,"output_length":1,"prompt":"${prompt}"}\n${entryAt(1)}`);
    expect((await readDataset(path, signal)).map((entry) => entry.prompt)).toEqual([prompt, undefined]);
  });

  test('takes a line of ten million characters', async () => {
    const path = await fileOf(`{"timestamp_ms":0,"output_length":1,"prompt":"${'x'.repeat(10_000_000)}"}`);
    expect((await readDataset(path, signal))[0]?.prompt).toHaveLength(10_000_000);
  });

  test.each([
    ['UTF-16LE, marked', Buffer.from(`\uFEFF${entryAt(1)}`, 'utf16le')],
    ['UTF-16LE', Buffer.from(entryAt(1), 'utf16le')],
    ['UTF-16BE, marked', Buffer.from(`\uFEFF${entryAt(1)}`, 'utf16le').swap16()],
    ['UTF-16BE', Buffer.from(entryAt(1), 'utf16le').swap16()],
  ])('says that a file is %s', async (_, bytes) => {
    const path = await fileOf(bytes);
    await expect(readDataset(path, signal)).rejects.toThrow(`${path}: is UTF-16, expected UTF-8`);
  });

  test('names the line of invalid UTF-8, and of one that no memory should hold', async () => {
    const invalid = await fileOf(Buffer.concat([Buffer.from(`${entryAt(1)}\n`), Buffer.from([0x22, 0xff, 0x22])]));
    await expect(readDataset(invalid, signal)).rejects.toThrow(`${invalid}, line 2: invalid UTF-8, expected text`);
    await expect(readDataset('/dev/zero', signal)).rejects.toThrow('/dev/zero, line 1: longer than 67108864 bytes');
  });

  const good = '{"timestamp_ms": 0, "input_length": 3, "output_length": 4}';
  test.each([
    ['{"timestamp_ms": 0,', String.raw`"{\"timestamp_ms\": 0," is no JSON object, expected one a line`],
    ['[1, 2]', '"[1, 2]" is no JSON object, expected one a line'],
    ['null', '"null" is no JSON object, expected one a line'],
    ['{"input_length": 3, "output_length": 4}', 'timestamp_ms is missing, expected a number ≥ 0'],
    [good.replace('0', '-1'), 'timestamp_ms is -1, expected a number ≥ 0'],
    [good.replace('0', '1e999'), 'timestamp_ms is Infinity, expected a number ≥ 0'],
    [good.replace('0', 'NaN'), expect.stringMatching(/NaN.* is no JSON object, expected one a line$/)],
    [good.replace('4', '0'), 'output_length is 0, expected an integer ≥ 1'],
    [good.replace('4', '"4"'), 'output_length is "4", expected an integer ≥ 1'],
    [good.replace('"input_length": 3, ', ''), 'input_length is missing, expected an integer ≥ 1, or a prompt instead'],
    [
      good.replace('_ms', ''),
      expect.stringMatching(/^key of request is "timestamp", .* \(did you mean "timestamp_ms"\?\)$/),
    ],
    [good.replace('}', ', "prioritty": 3}'), expect.stringMatching(/did you mean "priority"/)],
    [good.replace('}', ', "output_length": 9}'), 'key "output_length" is given twice, expected once'],
    [good.replace('}', ', "__proto__": {}}'), expect.stringMatching(/^key of request is "__proto__", expected one of/)],
    [good.replace('0', '"now"'), 'timestamp_ms is "now", expected a number ≥ 0'],
    [good.replace('3', '0'), 'input_length is 0, expected an integer ≥ 1, or a prompt instead'],
    [good.replace('4', '1.5'), 'output_length is 1.5, expected an integer ≥ 1'],
    [good.replace('}', ', "priority": "high"}'), 'priority is "high", expected a number'],
    [good.replace('}', ', "prompt": "a"}'), 'input_length is 3, expected none beside a prompt'],
    [good.replace('"input_length": 3', '"prompt": 3'), 'prompt is 3, expected text'],
  ])('names file and line of %j', async (line, problem) => {
    const path = await fileOf(`${good}\n\n${line}\n${good}\n`);
    await expect(readDataset(path, signal)).rejects.toThrow(
      expect.objectContaining({ name: 'JsonLinesError', path, line: 3 }),
    );
    const message = await readDataset(path, signal).catch(({ message }: Error) => message);
    expect(String(message).replace(`${path}, line 3: `, '')).toEqual(problem);
  });

  test('names a file that is missing, or has no requests', async () => {
    const missing = join(directory, 'missing.jsonl');
    const message = `${missing}: ENOENT, expected a file that can be read`;
    await expect(readDataset(missing, signal)).rejects.toThrow(expect.objectContaining({ message, line: null }));
    const empty = await fileOf('\n');
    await expect(readDataset(empty, signal)).rejects.toThrow(`${empty}: no lines, expected at least 1`);
  });
});
