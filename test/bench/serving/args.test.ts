// Flags of bench/serve.ts.
import { describe, expect, test } from 'vitest';
import { servingScript } from '../../../bench/serving/args.ts';
import { readCommandLine } from '../../../src/terminal/command-line.ts';
import { argsOf } from '../args-of.ts';

const parse = (line: string) => argsOf(servingScript, ...line.split(' ').filter(Boolean));

describe('the flags of bench/serve.ts', () => {
  test('name the address of a server, with or without the path of its API', () => {
    const hrefs = ['', '--url http://a:1/v1', '--url http://a:1/v1/', '--url https://a/x/v1'].map(
      (line) => parse(line).url.href,
    );
    expect(hrefs).toEqual(['http://127.0.0.1:8000/', 'http://a:1/', 'http://a:1/', 'https://a/x']);
  });

  test.each([
    ['--url ftp://a', '--url is "ftp://a", expected the address of a server'],
    ['--url a', '--url is "a", expected the address of a server'],
    ['--url http://a/?x=1', 'expected the address of a server'],
    ['--url http://me:secret@a', '--url has a name or a password, expected a key in ROSEINFER_API_KEY instead'],
    ['--endpoint embeddings', '--endpoint is "embeddings", expected one of completions, chat'],
    ['--endpoint chat --input-len 4', '--input-len draws ids, which --endpoint chat does not take'],
    ['--input-len 8 --shared-prefix 4', '--shared-prefix has no effect without --prefix-cache'],
    ['--timeout 0', '--timeout is 0, expected a number > 0'],
    ['--burstiness 2', '--burstiness has no effect without --request-rate'],
    ['--mode online', 'mode'],
  ])('refuse %s', (line, message) => {
    expect(() => readCommandLine(servingScript, line.split(' '))).toThrow(message);
  });
});
