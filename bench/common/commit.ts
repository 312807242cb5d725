// The commit that a report belongs to.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Reads the commit checked out in `root`; null where that is not the top of a git checkout. */
export async function readCommit(root: string): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('git', ['rev-parse', '--show-prefix', 'HEAD'], { cwd: root });
    const [prefix, commit] = stdout.split('\n');
    return prefix === '' && commit !== undefined ? commit : null;
  } catch {
    return null;
  }
}
