// A program that runs commands of `roseinfer` one after another, as it would each in a process of its own: loading the package takes
// longer than a refusal. Words of the commands come as JSON; on stdout it writes how each ended.
import type { Outcome } from './run-node.ts';

process.setMaxListeners(0);
const { stdout, stderr } = process;
const [words = '[]'] = process.argv.slice(2);
const outcomes: Outcome[] = [];

/** Keeps what is written to a stream; returns the pieces. */
function keep(stream: NodeJS.WriteStream): string[] {
  const pieces: string[] = [];
  stream.write = (piece: string | Uint8Array, ...rest: unknown[]) => {
    pieces.push(String(piece));
    const done = rest.findLast((argument) => typeof argument === 'function');
    if (done !== undefined) process.nextTick(done);
    return true;
  };
  return pieces;
}

const write = stdout.write.bind(stdout);
const [printed, told] = [keep(stdout), keep(stderr)];
const commands: readonly (readonly string[])[] = JSON.parse(words);
for (const [index, command] of commands.entries()) {
  process.argv.splice(2, Number.POSITIVE_INFINITY, ...command);
  process.exitCode = 0;
  await import(`../../src/cli/main.ts?${index}`);
  outcomes.push({
    status: process.exitCode,
    stdout: printed.splice(0).join(''),
    stderr: told.splice(0).join(''),
  });
}
process.exitCode = 0;
write(JSON.stringify(outcomes));
