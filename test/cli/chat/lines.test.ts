// Entries from lines: what is one message, what is a command, and what was given up.
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { CANCELLED, END, type Entry, type Lines, readEntry } from '../../../src/cli/chat/lines.ts';
import { PipedLines } from '../../../src/cli/chat/piped-lines.ts';
import { errorOf } from '../../support/error-of.ts';

const message = (text: string): Entry => ({ kind: 'message', text });
const command = (name: string, argument = ''): Entry => ({ kind: 'command', name, argument });

async function entriesOf(lines: Lines): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let entry = await readEntry(lines); entry !== null; entry = await readEntry(lines)) entries.push(entry);
  return entries;
}

function piped(chunks: Iterable<string | Uint8Array>, signal = new AbortController().signal) {
  const bytes = Array.from(chunks, (chunk) => Buffer.from(chunk));
  return new PipedLines(Readable.from(bytes, { objectMode: false }), signal);
}

describe('lines of a pipe', () => {
  test.each<[text: string, entries: Entry[]]>([
    ['one\ntwo', [message('one'), message('two')]],
    ['one\r\n\n  \ntwo\r\n', [message('one'), message('two')]],
    ['\uFEFFone', [message('one')]],
    ['one\\\ntwo\\\nthree\nfour', [message('one\ntwo\nthree'), message('four')]],
    ['one\\', [message('one\\')]],
    ['"""one\n\n/two """\nthree', [message('one\n\n/two '), message('three')]],
    ['"""\none\n"""', [message('one')]],
    ['"""one"""', [message('one')]],
    ['"""\n"""\n', []],
    [
      '/reset\n/save  my chat.json \n/save! b',
      [command('reset'), command('save', 'my chat.json'), command('save!', 'b')],
    ],
    ['//etc is a path\n /etc\n/ x', [message('/etc is a path'), message(' /etc'), command('', 'x')]],
    ['/system one\\\ntwo', [command('system', 'one\ntwo')]],
    ['', []],
  ])('%j', async (text, entries) => {
    expect(await entriesOf(piped([text]))).toEqual(entries);
    // Cut anywhere, also within a character.
    expect(await entriesOf(piped(Array.from(Buffer.from(text), (byte) => Uint8Array.of(byte))))).toEqual(entries);
  });

  test.each<[string, string | Uint8Array]>([
    ['stdin is no UTF-8, expected a text in UTF-8', Uint8Array.of(0x61, 0xe9, 0x0a)],
    ['stdin is no UTF-8, expected a text in UTF-8', Uint8Array.of(0x61, 0xe9)],
    ['stdin ends in a message, expected """ after it', '"""one\ntwo\n'],
  ])('end with "%s"', async (text, bytes) => {
    expect(await errorOf(() => entriesOf(piped([bytes])))).toMatchObject({ name: 'StdinError', message: text });
  });

  test('end with the reason of the signal', async () => {
    const abort = new AbortController();
    const lines = new PipedLines(new Readable({ read: () => {} }), abort.signal);
    const next = errorOf(() => lines.next());
    abort.abort(new Error('enough'));
    expect(await next).toMatchObject({ message: 'enough' });
  });
});

describe('lines of a terminal', () => {
  function typed(...results: (string | typeof CANCELLED)[]) {
    const asked: boolean[] = [];
    const lines: Lines = {
      isTerminal: true,
      next: (isContinued) => {
        asked.push(isContinued);
        return Promise.resolve(results.shift() ?? END);
      },
      run: (task) => task(new AbortController().signal),
      [Symbol.dispose]: () => {},
    };
    return { lines, asked };
  }

  test('go on with an entry where one is not at its end', async () => {
    const { lines, asked } = typed('one\\', 'two', '"""a', 'b"""');
    expect(await entriesOf(lines)).toEqual([message('one\ntwo'), message('a\nb')]);
    expect(asked).toEqual([false, true, false, true, false]);
  });

  test('that were given up leave nothing behind', async () => {
    const { lines } = typed(CANCELLED, 'one\\', CANCELLED, '"""two', CANCELLED, 'three');
    expect(await entriesOf(lines)).toEqual([message('three')]);
  });

  test('that end within a message are no error', async () => {
    expect(await entriesOf(typed('"""one').lines)).toEqual([]);
  });

  test('that were pasted are one message, also where they look like commands', async () => {
    expect(await entriesOf(typed('/reset\n/exit\\', '// a\n').lines)).toEqual([
      message('/reset\n/exit\\'),
      message('// a\n'),
    ]);
  });
});
