// JSON that was cut: every way in which a completion ends, with a text that is whole and one that is not.
import { expect, test } from 'vitest';
import { CutJsonError, isCutJson } from '../../../src/cli/generate/cut-json.ts';

type Ending = Parameters<typeof isCutJson>[0];

const ending = (text: string, finishReason: Ending['finishReason'], stopReason: Ending['stopReason'] = null) => {
  return { ids: [7], text, finishReason, stopReason };
};

test.each<[name: string, ending: Ending, isCut: boolean]>([
  ['whole at its own end', ending('{"a":1}', 'stop'), false],
  ['a number at its own end', ending('12', 'stop'), false],
  ['cut by a stop string', ending('{"a"', 'stop', ':'), true],
  ['whole before a stop string', ending('{"a":1}', 'stop', '\n'), false],
  ['cut by a stop id', ending('[1, ', 'stop', 5), true],
  ['a number before a stop string', ending('1', 'stop', '2'), true],
  ['empty before a stop string', ending('', 'stop', '{'), true],
  ['cut by the number of tokens', ending('["a', 'length'), true],
  ['whole with its last token', ending('["a"]', 'length'), false],
  ['a number with its last token', ending('12', 'length'), true],
])('JSON that is %s', (_, finished, isCut) => {
  expect(isCutJson(finished)).toBe(isCut);
});

test('the error of cut JSON names the flag that cut it', () => {
  expect(new CutJsonError(ending('{', 'stop', ',')).message).toBe(
    'a completion was cut after 1 token, within its JSON, by --stop ",": expected a text that the JSON does not have',
  );
  expect(new CutJsonError(ending('{', 'length')).message).toMatch(
    /^a completion was cut after 1 token, within its JSON: raise --max-new-tokens/,
  );
});
