// A batch of `roseinfer batch` that is killed again and again: shared by the short test and the long one.
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { startNode } from './run-node.ts';

/** Starts a batch. */
export function startBatch(...words: string[]) {
  return startNode(['src/cli/roseinfer.js', 'batch', ...words]);
}

/** Writes calls of different lengths after a beginning and a number. */
export function writeCalls(
  path: string,
  num: number,
  maxTokens: number,
  beginning = 'Once upon a time there were',
): void {
  const call = (i: number) => ({
    custom_id: `call ${i}`,
    method: 'POST',
    url: '/v1/completions',
    body: { prompt: `${beginning} ${i} kings`, max_tokens: 1 + (i % maxTokens), temperature: 0.9 },
  });
  writeFileSync(path, Array.from({ length: num }, (_, i) => `${JSON.stringify(call(i))}\n`).join(''));
}

/** A result as it is in the file. */
interface Result {
  readonly line: number;
  readonly custom_id: string;
  readonly response: { readonly status_code: number; readonly body: Readonly<Record<string, unknown>> };
}

/** Reads results in the order of their lines, without ids and times, and the use of the prefix cache, which are of the run. */
export function readResults(path: string) {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  const results = lines.map((text): Result => JSON.parse(text)).toSorted((a, b) => a.line - b.line);
  return results.map(({ line, custom_id, response: { status_code, body } }) => {
    const { id: _, created: __, usage: ___, ...rest } = body;
    return { line, custom_id, status_code, body: rest };
  });
}

/** Waits until an output has at least `numLines` results, or a process is gone. */
export async function waitForLines(path: string, numLines: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.signalCode === null && countLines(path) < numLines) await setTimeout(5);
}

/** Sends a signal once the output has at least `numLines` results, and a moment later. */
export async function stopAfter(
  path: string,
  numLines: number,
  { child, ended }: ReturnType<typeof startBatch>,
  { signal = 'SIGKILL', delayMs = 0 }: { readonly signal?: NodeJS.Signals; readonly delayMs?: number } = {},
) {
  await waitForLines(path, numLines, child);
  await setTimeout(delayMs);
  child.kill(signal);
  return await ended;
}

function countLines(path: string): number {
  return existsSync(path) ? readFileSync(path).filter((byte) => byte === 0x0a).length : 0;
}
