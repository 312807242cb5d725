// A first look at an input: its hash, by which a run that goes on knows it, and how many calls it has, for the time left.
import { createHash } from 'node:crypto';
import { isBlank, readLines } from './read-lines.ts';

/** An input as a whole. */
export interface InputScan {
  readonly sha256: string;
  readonly numBytes: number;
  /** Lines that are not blank. */
  readonly numCalls: number;
  /** Number of the last line. */
  readonly lastLine: number;
}

/** Reads an input to its end. @param maxLine most bytes of a line. */
export async function scanInput(chunks: AsyncIterable<Uint8Array>, maxLine: number): Promise<InputScan> {
  const hash = createHash('sha256');
  let [numBytes, numCalls, lastLine] = [0, 0, 0];
  const hashed = async function* () {
    for await (const chunk of chunks) {
      hash.update(chunk);
      numBytes += chunk.length;
      yield chunk;
    }
  };
  for await (const line of readLines(hashed(), maxLine)) {
    lastLine = line.number;
    if (!isBlank(line)) numCalls++;
  }
  return { sha256: hash.digest('hex'), numBytes, numCalls, lastLine };
}
