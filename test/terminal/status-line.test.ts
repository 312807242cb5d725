// The status line: one line of a terminal, nothing elsewhere.
import { describe, expect, onTestFinished, test, vi } from 'vitest';
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

  test('shows a share as a bar where the terminal has room for one', () => {
    const wide = terminal(true, 60);
    const line = new StatusLine(wide);
    for (const share of [0, 0.5, 1, 7]) line.show('work', share);
    const bars = ['-'.repeat(20), '#'.repeat(10) + '-'.repeat(10), '#'.repeat(20), '#'.repeat(20)];
    expect(wide.written).toEqual(bars.map((bar) => `\r\u001B[K[${bar}] work`));
    const narrow = terminal(true, 59);
    new StatusLine(narrow).show('work', 0.5);
    expect(narrow.written).toEqual(['\r\u001B[Kwork']);
  });

  test('writes a line that stays on a terminal and elsewhere, and none with --quiet', () => {
    const [stream, pipe] = [terminal(true), terminal(false)];
    const line = new StatusLine(stream);
    line.show('half');
    line.say('a notice');
    new StatusLine(pipe).say('a notice');
    expect(stream.written).toEqual(['\r\u001B[Khalf', '\r\u001B[K', 'a notice\n']);
    expect(pipe.written).toEqual(['a notice\n']);
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    onTestFinished(() => write.mockRestore());
    StatusLine.of({ quiet: true }).say('a notice');
    expect(write).not.toHaveBeenCalled();
    StatusLine.of({}).say('a notice');
    expect(write).toHaveBeenCalledExactlyOnceWith('a notice\n');
  });

  test('takes a terminal that does not know its width for one of 80 columns', () => {
    const stream = terminal(true, 0);
    new StatusLine(stream).show('x'.repeat(100));
    expect(stream.written).toEqual([`\r\u001B[K${'x'.repeat(79)}`]);
  });
});
