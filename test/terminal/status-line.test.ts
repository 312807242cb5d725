// The status line: one line of a terminal, nothing elsewhere.
import { describe, expect, test } from 'vitest';
import { StatusLine } from '../../src/terminal/status-line.ts';

function terminal(isTTY: boolean, columns = 10) {
  const written: string[] = [];
  return { written, isTTY, columns, write: (text: string | Uint8Array) => written.push(String(text)) > 0 };
}

describe('StatusLine', () => {
  test('writes nothing where there is no terminal', () => {
    const stream = terminal(false);
    const line = new StatusLine(stream);
    line.show('half');
    line.clear();
    expect(stream.written).toEqual([]);
  });

  test('writes over what it showed, within the width of the terminal, and clears it once', () => {
    const stream = terminal(true);
    {
      using line = new StatusLine(stream);
      line.show('short');
      line.show('longer than the terminal');
      line.clear();
      line.clear();
    }
    expect(stream.written).toEqual(['\r\u001B[Kshort', '\r\u001B[Klonger th', '\r\u001B[K']);
  });

  test('takes a terminal that does not know its width for one of 80 columns', () => {
    const stream = terminal(true, 0);
    new StatusLine(stream).show('x'.repeat(100));
    expect(stream.written).toEqual([`\r\u001B[K${'x'.repeat(79)}`]);
  });
});
