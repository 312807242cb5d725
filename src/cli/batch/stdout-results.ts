// Results on stdout: a line counts when it was taken. A stdout that can't be written aborts the command, which says why.
import type { Results } from './result-file.ts';

/** Results for a pipe. */
export class StdoutResults implements Results {
  append(line: string): Promise<void> {
    return new Promise((resolve) => process.stdout.write(line, () => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
