// A terminal for tests: a program runs in a window of tmux, gets keys as from a keyboard, and its screen is read.
import { spawnSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './temporary-directory.ts';

/** Milliseconds between two looks at the screen, and until a test gives up: a busy machine loads a model slowly. */
const POLL_MS = 50;
const LIMIT_MS = 240_000;

/** Tells whether there is a tmux. */
export function hasTmux(): boolean {
  return spawnSync('tmux', ['-V']).status === 0;
}

/** A program in a terminal of 70 columns and 20 rows. */
export class TmuxTerminal {
  readonly #env: NodeJS.ProcessEnv;

  /** Starts a program; the test's end ends it, too. */
  constructor(argv: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}) {
    const { DEBUG: _, NO_COLOR: __, TMUX: ___, ...inherited } = process.env;
    this.#env = { ...inherited, ...env, TMUX_TMPDIR: temporaryDirectory(), TERM: 'xterm-256color' };
    onTestFinished(() => void this.#tmux('kill-server'));
    const setUp = ['set-option', '-g', 'remain-on-exit', 'on', ';', 'set-option', '-g', 'history-limit', '5000', ';'];
    this.#tmux(...setUp, 'new-session', '-d', '-x', '70', '-y', '20', '-c', cwd, '--', ...argv);
  }

  /** Presses keys by their names, such as `Enter` and `C-c`. */
  press(...keys: readonly string[]): void {
    this.#tmux('send-keys', ...keys);
  }

  /** Types a text. */
  type(text: string): void {
    this.#tmux('send-keys', '-l', '--', text);
  }

  /** Pastes a text, marked as such where the program has asked for it. */
  paste(text: string): void {
    this.#tmux('set-buffer', '--', text);
    this.#tmux('paste-buffer', '-p');
  }

  /** Reads all that was shown, wrapped lines as one, without spaces at their ends. */
  text(): string {
    return this.#tmux('capture-pane', '-p', '-J', '-S', '-').replaceAll(/ +$/gm, '').trimEnd();
  }

  /** Tells whether something that is shown has a colour, or is faint. */
  isColoured(): boolean {
    return this.#tmux('capture-pane', '-p', '-e', '-S', '-').includes('\u001B[');
  }

  /** Waits until the text of the terminal fits. @throws Error with the text when it never does. */
  async shows(pattern: RegExp): Promise<string> {
    return await this.#until(() => {
      const text = this.text();
      return pattern.test(text) ? text : null;
    }, String(pattern));
  }

  /** Waits for the end of the program; returns its exit code. @throws Error when it goes on, or a signal has ended it. */
  async ends(): Promise<number> {
    // The terminal is closed a moment before the code is known.
    const report = '#{pane_dead_status}/#{pane_dead_signal}';
    const status = () => {
      // tmux 3.3 at times misses the end of a program, and looks again when the next one ends.
      this.#tmux('run-shell', 'true');
      return this.#tmux('display-message', '-p', report).trim().split('/');
    };
    return await this.#until(() => {
      const [code = '', signal = ''] = status();
      if (signal !== '') throw new Error(`the program was ended by signal ${signal}`);
      return code === '' ? null : Number(code);
    }, 'the end of the program');
  }

  async #until<T>(look: () => T | null, awaited: string): Promise<T> {
    for (const start = performance.now(); performance.now() - start < LIMIT_MS; ) {
      const found = look();
      if (found !== null) return found;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new Error(`the terminal never came to ${awaited}:\n${this.text()}`);
  }

  #tmux(...args: readonly string[]): string {
    const { stdout } = spawnSync('tmux', ['-u', '-f', '/dev/null', ...args], { env: this.#env, encoding: 'utf8' });
    return stdout;
  }
}
