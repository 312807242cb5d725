// Free text up to the opening of calls: any tokens but those that go on after its end, and then another constraint.
import { describe, expect, test } from 'vitest';
import type { Constraint } from '../../src/core/constraint.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { afterOpening, type Opening } from '../../src/tools/after-opening.ts';
import { allowedIds, tales } from '../support/grammar/walk.ts';

const vocabSize = tales.vocabSize;
const OPENING: Opening = { text: 'abab, ', id: null, isAtStart: false, isRequired: false };
/** Constraint that allows one id, and notes what happens to it. */
function noted(): { readonly inner: Constraint<string[]>; readonly log: string[] } {
  const log: string[] = [];
  const inner: Constraint<string[]> = {
    start: () => log,
    allowed: () => Uint32Array.of(2),
    accept: (state, id) => [...state, `${id}`],
    end: (state) => void log.push(`end after ${state.join()}`),
  };
  return { inner, log };
}

/** Follows a text from token to token; gives how much of it was free, and whether all its tokens were allowed. */
async function follow(opening: Opening, ids: readonly number[], tokenizer = tales) {
  const { inner, log } = noted();
  const constraint = await afterOpening(inner, opening, { tokenizer, vocabSize: tokenizer.vocabSize });
  let state = constraint.start();
  let [isAllowed, free] = [true, 0];
  for (const id of ids) {
    const allowed = allowedIds(await constraint.allowed(state));
    if (allowed.length > 1) {
      free++;
      isAllowed &&= allowed.includes(id);
    }
    state = constraint.accept(state, id);
  }
  const after = allowedIds(await constraint.allowed(state));
  constraint.end?.(state);
  return { free, isAllowed, isOpen: after.length === 1, log };
}

/** The tokens of a text, a byte each. */
const bytewise = (text: string) => Array.from(text, (letter) => tales.encode(letter, { parseSpecial: false })).flat();

describe('the opening is found', () => {
  test.each([
    ['abab, ', true],
    ['ababab, ', true],
    ['xababxabab, ', true],
    ['aabab, ', true],
    ['abab,abab, ', true],
    ['abab,', false],
    ['abab,x ', false],
    ['', false],
  ])('in %j: %s', async (text, isOpen) => {
    expect(await follow(OPENING, bytewise(text))).toMatchObject({
      isOpen,
      isAllowed: true,
      free: bytewise(text).length,
    });
  });

  test.each([
    ['abab, ', true],
    ['xabab, ', false],
    ['ababx, abab, ', false],
  ])('at the start alone, where only that counts, in %j: %s', async (text, isOpen) => {
    expect(await follow({ ...OPENING, isAtStart: true }, bytewise(text))).toMatchObject({ isOpen, isAllowed: true });
  });
});

test('a space that SentencePiece puts before a text is none of it, and a second one is', async () => {
  const tokenizer = await Tokenizer.load('test/fixtures/tokenizers/sentencepiece');
  const opening = { ...OPENING, text: '{"name": "', isAtStart: true };
  const ids = tokenizer.encode(opening.text);
  const [space = 0, ...rest] = ids;
  expect(new TextDecoder().decode(tokenizer.tokenBytes(space))).toBe(' ');
  for (const [given, isOpen] of [[ids, true] as const, [rest, true] as const, [[space, ...ids], false] as const])
    expect(await follow(opening, given, tokenizer)).toMatchObject({ isOpen, isAllowed: true });
});

test('a token that goes on after the end of the opening is not allowed there, and anywhere else it is', async () => {
  const [long = 0] = tales.encode(' king', { parseSpecial: false });
  expect(new TextDecoder().decode(tales.tokenBytes(long))).toBe(' king');
  const opening = { ...OPENING, text: 'abab ' };
  expect(await follow(opening, [...bytewise('abab'), long])).toMatchObject({ isAllowed: false });
  expect(await follow(opening, [...bytewise('aba'), long])).toMatchObject({ isAllowed: true, isOpen: false });
  expect(await follow({ ...opening, isAtStart: true }, [...bytewise('xabab'), long])).toMatchObject({
    isAllowed: true,
  });
});

test('all of a state is the other constraint from there on, which is ended only where it was started', async () => {
  const opened = await follow(OPENING, [...bytewise('abab, '), 1, 1]);
  expect(opened).toMatchObject({ free: 6, log: ['end after 1,1'] });
  expect((await follow(OPENING, bytewise('abab'))).log).toEqual([]);
});

test('a control token opens, whatever came before, and its letters do not', async () => {
  const [eos = 0] = tales.eosIds;
  const opening = { ...OPENING, text: '<|endoftext|>', id: eos };
  expect(await follow(opening, [...bytewise('<|endoftext|>'), eos])).toMatchObject({ free: 14, isOpen: true });
  expect(await follow(opening, bytewise('<|endoftext|>'))).toMatchObject({ free: 13, isOpen: false });
  const { inner } = noted();
  const required = await afterOpening(inner, { ...opening, isRequired: true }, { tokenizer: tales, vocabSize });
  expect(allowedIds(await required.allowed(required.start()))).toEqual([eos]);
});
