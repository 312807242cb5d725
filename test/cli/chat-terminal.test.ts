// `roseinfer chat` as a person has it: in a terminal of tmux, with keys. The whole screen is compared with the chat that was saved.
// @module-tag sweep
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { chatModel } from '../support/models/chat-model.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { hasTmux, TmuxTerminal } from '../support/tmux.ts';

const canType = hasTmux();
const terminalTest = canType ? test : test.skip;
if (!canType) console.warn('NOT TESTED: roseinfer chat in a terminal, as there is no tmux (apt-get install tmux)');

const HELP = '/help lists the commands; Ctrl-C stops an answer, Ctrl-D leaves';
const STATUS =
  /^(\d+) tokens in [\d.]+ s · [\d.]+ tokens\/s · (\d+) of (\d+) prompt tokens cached(?: · (cut|stopped))?$/;
/** End of a screen that waits for an entry. */
const READY = /\n>$/;

function start(flags: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const directory = temporaryDirectory();
  const argv = [process.execPath, resolve('src/cli/roseinfer.js'), 'chat', chatModel(), ...flags];
  const terminal = new TmuxTerminal(argv, directory, env);
  /** Enters a line and waits for the next prompt. */
  const enter = async (line: string) => {
    terminal.type(line);
    // Its echo is there before Enter: so the prompt that comes is the next one.
    await terminal.shows(new RegExp(`\n> ${RegExp.escape(line)}$`));
    terminal.press('Enter');
    await terminal.shows(READY);
  };
  const answers = (name: string): string[] =>
    JSON.parse(readFileSync(join(directory, name), 'utf8'))
      .messages.filter(({ role }: { role: string }) => role === 'assistant')
      .map(({ content }: { content: string }) => content.trim().replaceAll(/ +$/gm, ''));
  return { terminal, enter, answers };
}

terminalTest(
  'two turns, a second answer, Ctrl-C in an answer, leaving: each line is whole and each in its place',
  async () => {
    const { terminal, enter, answers } = start(['--seed', '3', '--max-new-tokens', '12', '--ignore-eos']);
    await terminal.shows(READY);
    await enter('Who came?');
    await enter('And then?');
    expect(terminal.isColoured()).toBe(true);
    await enter('/save one.json');
    await enter('/regenerate');
    await enter('/params max-new-tokens 900');
    terminal.type('A long tale');
    terminal.press('Enter');
    await terminal.shows(/\n> A long tale\n.*\S/);
    terminal.type('typed ahead');
    terminal.press('C-c');
    await terminal.shows(/ · stopped\n> typed ahead$/);
    terminal.press('C-c');
    await terminal.shows(/\n> typed ahead\^C\n>$/);
    await enter('/save two.json');
    terminal.press('C-c');
    expect(await terminal.ends()).toBe(130);

    const text = terminal.text();
    const lines = text
      .slice(text.indexOf(HELP))
      .replace(/\nPane is dead.*$/s, '')
      .trimEnd()
      .split('\n');
    const statuses = lines.filter((line) => STATUS.test(line));
    const [one, two] = [answers('one.json'), answers('two.json')];
    const transcript = [
      HELP,
      `> Who came?\n${one[0]}\n${statuses[0]}`,
      `> And then?\n${one[1]}\n${statuses[1]}`,
      '> /save one.json\nwrote 4 messages',
      `> /regenerate\n${two[1]}\n${statuses[2]}`,
      '> /params max-new-tokens 900\nmax-new-tokens  900  most tokens of an answer',
      `> A long tale\n${two[2]}\n${statuses[3]}`,
      '> typed ahead^C',
      '> /save two.json\nwrote 6 messages',
      '>',
    ];
    expect(lines.join('\n')).toBe(transcript.join('\n'));
    expect(two[0]).toBe(one[0]);
    expect(two[1]).not.toBe(one[1]);
    const ends = statuses.map((line) => STATUS.exec(line)?.[4]);
    expect(ends).toEqual(['cut', 'cut', 'cut', 'stopped']);
    const cached = statuses.map((line) => Number(STATUS.exec(line)?.[2]));
    expect(cached.map((count) => count > 0)).toEqual([false, true, true, true]);
  },
);

terminalTest(
  'a text that is pasted is one message, NO_COLOR leaves colours out, and Ctrl-D leaves with 0',
  async () => {
    const flags = ['--seed', '3', '--max-new-tokens', '4', '--ignore-eos'];
    const { terminal, enter, answers } = start(flags, { NO_COLOR: '1' });
    await terminal.shows(READY);
    terminal.paste('first line\n/exit\nlast line');
    await terminal.shows(/\n> first line\n\/exit\nlast line$/);
    terminal.press('Enter');
    await terminal.shows(READY);
    terminal.type('one\\');
    terminal.press('Enter');
    await terminal.shows(/\n> one\\\n…$/);
    terminal.press('C-c');
    await terminal.shows(/\n> one\\\n… ?\^C\n>$/);
    terminal.press('Up', 'Up');
    await terminal.shows(/\n> last line$/);
    terminal.press('C-u');
    terminal.type('/sav');
    terminal.press('Tab');
    await terminal.shows(/\n> \/save$/);
    terminal.press('C-u');
    await enter('/save chat.json');
    expect(answers('chat.json')).toHaveLength(1);
    expect(terminal.isColoured()).toBe(false);
    terminal.press('C-d');
    expect(await terminal.ends()).toBe(0);
  },
);

terminalTest('Ctrl-C twice in an answer leaves at once with 130', async () => {
  const { terminal } = start(['--seed', '3', '--max-new-tokens', '900', '--ignore-eos']);
  await terminal.shows(READY);
  terminal.type('A long tale');
  terminal.press('Enter');
  await terminal.shows(/\n> A long tale\n.*\S/);
  terminal.press('C-c', 'C-c');
  expect(await terminal.ends()).toBe(130);
});
