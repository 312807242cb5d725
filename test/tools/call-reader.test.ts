// Answers read in pieces: however a text is cut, the same text and calls come of it, and what may be the beginning of calls is held back.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findCallFormat, withTemplateIds } from '../../src/tools/call-formats.ts';
import { type AnswerPart, CallReader } from '../../src/tools/call-reader.ts';
import { TOOL_TEMPLATES } from '../support/tools/templates.ts';

const ARGUMENTS = ['{}', '{"a": "}]\\"{\\\\", "b": [{"c": {}}]}', '{\n "k":\n "</tool_call>"}'];

/** Joins parts that follow one another and say the same; ids of calls are drawn. */
function joined(parts: readonly AnswerPart[]): (string | number)[][] {
  const list: (string | number)[][] = [];
  for (const part of parts) {
    const key = 'index' in part ? [part.kind, part.index] : [part.kind];
    const text = 'text' in part ? part.text : 'name' in part ? part.name : '';
    const last = list.at(-1);
    if ('text' in part && last?.slice(0, -1).join() === key.join()) last[last.length - 1] += text;
    else list.push([...key, text]);
  }
  return list;
}

describe.each(Object.entries(TOOL_TEMPLATES))('in the way of %s', (_, source) => {
  const { syntax, isAtStart } = findCallFormat(source)!;
  const { opening, start, beforeArguments, between, end } = syntax;
  const numCalls = between === null ? 1 : ARGUMENTS.length;
  const calls = ARGUMENTS.slice(-numCalls).map((given, index) => `tool_${index}${beforeArguments}${given}`);
  const text = isAtStart ? '' : `So ${opening.slice(0, 4)}, ${opening.slice(0, -1)} `;
  const answer = `${text}${opening}${start}${calls.join(between ?? '')}${end}`;

  test('all pieces of an answer make the same parts', () => {
    const expected = [
      ...(text === '' ? [] : [['text', text]]),
      ...ARGUMENTS.slice(-numCalls).flatMap((given, index) => [
        ['call', index, `tool_${index}`],
        ['arguments', index, given],
        ['callEnd', index, ''],
      ]),
    ];
    fc.assert(
      fc.property(fc.array(fc.nat(answer.length), { maxLength: 60 }), (cuts) => {
        const reader = new CallReader({ syntax, isAtStart, openingId: null });
        const places = [0, ...cuts.sort((a, b) => a - b), answer.length];
        const pieces = places.slice(1).map((to, index) => answer.slice(places[index], to));
        const parts = [...pieces.flatMap((piece) => reader.read(0, piece)), ...reader.end()];
        expect(joined(parts)).toEqual(expected);
        expect(reader.text).toBe(text);
        expect(reader.hasWholeCalls).toBe(true);
        expect(reader.calls.map((call) => call.arguments)).toEqual(ARGUMENTS.slice(-numCalls));
        expect(new Set(reader.calls.map(({ id }) => id)).size).toBe(numCalls);
      }),
      { seed: 4, numRuns: 30 },
    );
  });

  test('every beginning of an answer gives the beginning of its text, and calls that are not whole', () => {
    for (let length = 0; length < answer.length; length++) {
      const reader = new CallReader({ syntax, isAtStart, openingId: null });
      reader.read(0, answer.slice(0, length));
      reader.end();
      const isOpen = length >= text.length + opening.length;
      expect(reader.text).toBe(isOpen ? text : answer.slice(0, length));
      const whole = reader.calls.filter(({ isWhole }) => isWhole);
      expect(whole.map((call) => call.arguments)).toEqual(ARGUMENTS.slice(-numCalls).slice(0, whole.length));
      expect(reader.hasWholeCalls).toBe(reader.calls.length > 0 && whole.length === reader.calls.length);
    }
  });

  test('a text without calls is a text', () => {
    const plain = isAtStart ? ` ${opening}` : `${opening.slice(0, -1)}${opening.slice(0, -1)}`;
    const reader = new CallReader({ syntax, isAtStart, openingId: null });
    expect(joined([...[...plain].flatMap((each) => reader.read(0, each)), ...reader.end()])).toEqual([['text', plain]]);
  });
});

test('a control token opens calls, and its text does not', () => {
  const { syntax } = findCallFormat(TOOL_TEMPLATES.mistral)!;
  const reader = new CallReader({ syntax, isAtStart: false, openingId: 7 });
  const call = `${syntax.start}a${syntax.beforeArguments}{}${syntax.end}`;
  const parts = [
    ...reader.read(1, `[TOOL_CALLS]${call}`),
    ...reader.read(7, ''),
    ...reader.read(7, call),
    ...reader.end(),
  ];
  expect(joined(parts)).toEqual([
    ['text', `[TOOL_CALLS]${call}`],
    ['call', 0, 'a'],
    ['arguments', 0, '{}'],
    ['callEnd', 0, ''],
  ]);
});

test('a space before the first call may be missing, as SentencePiece takes one at the start of a text', () => {
  const { syntax } = findCallFormat(TOOL_TEMPLATES.mistral)!;
  const reader = new CallReader({ syntax, isAtStart: false, openingId: 7 });
  reader.read(7, '');
  reader.read(1, `${syntax.start.trimStart()}find${syntax.beforeArguments}{}${syntax.end}`);
  expect(reader.calls).toMatchObject([{ name: 'find', arguments: '{}', isWhole: true }]);
});

describe('the way in which a template writes calls', () => {
  const tools = '{% if tools %}{{ tools }}{% endif %}';
  test.each([
    ['<tool_call>\\n{"name"', '\n{"name": "', null],
    ['<tool_call>[{"name"', '[{"name": "', null],
    ["{{ '<tool_call>\\n[' }}", '[{"name": "', null],
    ["{{ '<tool_call>\\n{' }}", '\n{"name": "', null],
    ['[TOOL_CALLS] [', ' [{"name": "', 9],
    ['[TOOL_CALLS][', '[{"name": "', 9],
    ['{"name": function name, "parameters": dictionary', '', null],
  ])('%s', (text, start, idLength) => {
    expect(findCallFormat(`${tools}${text}`)).toMatchObject({ syntax: { start }, idLength });
    // A template that is told of no tools only reads of them.
    expect(findCallFormat(text)).toBeNull();
  });

  test.each(['', '<tool_call>\n<function=a>', "{{ '<tool_call>\\n<function=' }}", '[TOOL_CALLS]name[ARGS]'])(
    '… is not known: %j',
    (text) => {
      expect(findCallFormat(`${tools}${text}`)).toBeNull();
      expect(findCallFormat(undefined)).toBeNull();
    },
  );
});

test('ids are shortened for a template that takes short ones, the same in calls and results', () => {
  const format = findCallFormat(TOOL_TEMPLATES.mistral)!;
  const call = (id: string) => ({ id, name: 'a', arguments: {} });
  const [made, first, second] = withTemplateIds(
    [
      { role: 'assistant', content: '', toolCalls: [call('call_1'), call('abcdefgh9')] },
      { role: 'tool', content: '', toolCallId: 'call_1' },
      { role: 'tool', content: '', toolCallId: 'abcdefgh9' },
    ],
    format,
  );
  const [long, short] = made!.toolCalls!.map(({ id }) => id);
  expect(long).toMatch(/^[a-zA-Z0-9]{9}$/);
  expect(short).toBe('abcdefgh9');
  expect([first!.toolCallId, second!.toolCallId]).toEqual([long, short]);
});
