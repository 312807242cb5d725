// A command's exit code and last line for success, errors and signals, in real processes.
import { type ChildProcess, type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { describeError } from '../../src/terminal/run-command.ts';
import { RangeValueError } from '../../src/util/errors.ts';

/** Arguments for a Node that runs `body` as a command; `signal` and `setTimeout` (of promises) are at hand. */
function command(body: string): string[] {
  const program = `
    import { setTimeout } from 'node:timers/promises';
    import { runCommand } from './src/terminal/run-command.ts';
    await runCommand(async (signal) => { ${body} });`;
  return ['--input-type=module', '--eval', program];
}

function run(body: string) {
  const { DEBUG: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, command(body), { encoding: 'utf8', env });
  return { status, stdout, stderr };
}

/** Starts a command that prints when it is ready for signals. */
async function start(body: string): Promise<ChildProcessByStdio<null, Readable, Readable>> {
  const child = spawn(process.execPath, command(body), { stdio: ['ignore', 'pipe', 'pipe'] });
  const ready = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => null)]);
  if (ready === null) throw new Error(`the command ended before it was ready: ${await text(child.stderr)}`);
  return child;
}

/** Waits until a process has ended and all that it wrote is here. */
async function exitOf(child: ChildProcess): Promise<unknown> {
  const [code, signal] = await once(child, 'close');
  return code ?? signal;
}

describe('runCommand', () => {
  test('lets the process end by itself, with 0', () => {
    expect(run("console.log('done')")).toEqual({ status: 0, stdout: 'done\n', stderr: '' });
  });

  test('prints one line for an error and exits with 1', () => {
    expect(run("throw new TypeError('first line\\nsecond line')")).toEqual({
      status: 1,
      stdout: '',
      stderr: 'error: TypeError: first line\n',
    });
  });

  test('exits with 2 for a call that is wrong: its grammar, or a value', () => {
    const usage =
      "const { UsageError } = await import('./src/terminal/flag-words.ts'); throw new UsageError('unknown flag')";
    expect(run(usage)).toEqual({ status: 2, stdout: '', stderr: 'error: unknown flag\n' });
    const value =
      "const { RangeValueError } = await import('./src/util/errors.ts'); throw new RangeValueError('a', 1, 'b')";
    expect(run(value)).toEqual({ status: 2, stdout: '', stderr: 'error: a is 1, expected b\n' });
  });

  test('prints the error of a command and the one of its clean-up', () => {
    const body = "using file = { [Symbol.dispose]() { throw new Error('disk full') } }; throw new Error('refused')";
    expect(run(body)).toEqual({ status: 1, stdout: '', stderr: 'error: Error: disk full\nerror: Error: refused\n' });
  });

  test('prints the error of a clean-up after Ctrl-C, and exits with 130', async () => {
    const child = await start(`
      using file = { [Symbol.dispose]() { throw new Error('disk full') } };
      console.log('ready');
      await setTimeout(60_000, null, { signal });`);
    let errors = '';
    child.stderr?.on('data', (data) => {
      errors += data;
    });
    child.kill('SIGINT');
    expect(await exitOf(child)).toBe(130);
    expect(errors).toBe('error: Error: disk full\n');
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('aborts the command on %s, lets it clean up and exits with %i', async (signal, code) => {
    const child = await start(`
      console.log('ready');
      try { await setTimeout(60_000, null, { signal }) } finally { await setTimeout(20); console.log('cleaned up') }`);
    let rest = '';
    child.stdout?.on('data', (data) => {
      rest += data;
    });
    let errors = '';
    child.stderr?.on('data', (data) => {
      errors += data;
    });
    child.kill(signal);
    expect(await exitOf(child)).toBe(code);
    expect({ rest, errors }).toEqual({ rest: 'cleaned up\n', errors: '' });
  });

  test('exits with 130, too, when the command has not looked at the signal', async () => {
    const child = await start("console.log('ready'); while (!signal.aborted) await setTimeout(5);");
    child.kill('SIGINT');
    expect(await exitOf(child)).toBe(130);
  });

  test.each([
    ['SIGINT', 'SIGINT', 130],
    ['SIGTERM', 'SIGTERM', 143],
    ['SIGTERM', 'SIGINT', 130],
    ['SIGINT', 'SIGHUP', 129],
  ] as const)('ends at once when %s is followed by %s', async (first, second, code) => {
    const child = await start(`
      signal.addEventListener('abort', () => console.log('aborted'));
      console.log('ready');
      await setTimeout(60_000);`);
    child.kill(first);
    if (child.stdout) await once(child.stdout, 'data');
    child.kill(second);
    expect(await exitOf(child)).toBe(code);
  });

  test.for([
    ["console.log('text')"],
    ["process.stdout.write('text')"],
    ["console.log('text'); await setTimeout(60_000, null, { signal })"],
  ])('exits with 1 and one line when stdout is full: %s', ([body = ''], context) => {
    if (process.platform !== 'linux') context.skip('no /dev/full');
    const script = '"$0" "$@" > /dev/full';
    const { status, stderr } = spawnSync('sh', ['-c', script, process.execPath, ...command(body)], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 1, stderr: "error: stdout can't be written (ENOSPC)\n" });
  });

  test('stops quietly with 141 when stdout is closed', async () => {
    const child = await start("for (;;) { console.log('line'); await setTimeout(5, null, { signal }) }");
    let errors = '';
    child.stderr?.on('data', (data) => {
      errors += data;
    });
    child.stdout?.destroy();
    expect(await exitOf(child)).toBe(141);
    expect(errors).toBe('');
  });
});

describe('describeError', () => {
  test('is the message of an expected error, and names the kind of another', () => {
    expect(describeError(new RangeValueError('size', 3, 'at most 2'))).toBe('error: size is 3, expected at most 2');
    expect(describeError(new RangeError('too far\nby a lot'))).toBe('error: RangeError: too far');
    expect(describeError('thrown text')).toBe('error: thrown text');
  });

  test('has the stack and the cause when DEBUG is set', () => {
    const error = new RangeValueError('size', 3, 'at most 2');
    error.cause = new Error('the reason');
    const shown = describeError(error, '1');
    expect(shown).toContain('run-command.test.ts');
    expect(shown).toContain('the reason');
  });
});
