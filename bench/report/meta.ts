// Meta data of a report: when, where and on which commit it was made. Every report takes it from here, so that a reader
// of one finds the same keys in all.
import { execFile } from 'node:child_process';
import { arch, cpus, platform, release } from 'node:os';
import { promisify } from 'node:util';
import type { DeviceIdentity } from '../../src/gpu/device-traits.ts';
import type { Fallback } from '../../src/tuning/verify-tuning.ts';

/** Versions of other libraries by name. */
type Versions = Readonly<Record<string, string>>;

/** Origin of the numbers of a report. */
export interface ReportOrigin<Args> {
  readonly adapter: DeviceIdentity;
  /** Commit of the checkout, as `readCommit` finds it. */
  readonly commit: string | null;
  /** Values of the flags. */
  readonly args: Args;
  /** Name of the model. */
  readonly model: string;
  /** Storage of the weights. */
  readonly dtype: string;
  /** Variants that the model did not run, since they are wrong on this adapter; absent where no model was run. */
  readonly fallbacks?: readonly Fallback[];
}

/**
 * Makes the `meta` of a report, dated now; the flags' seed, if they have one, is repeated after them.
 *
 * @param versions of other libraries that the numbers depend on.
 */
export function reportMeta<Args extends object>(
  { adapter: { name, driver, webgpu, reduction }, commit, args, model, dtype, fallbacks }: ReportOrigin<Args>,
  versions: Versions = {},
) {
  return {
    date: new Date().toISOString(),
    adapter: name,
    driver,
    reduction,
    cpu: describeProcessor(),
    os: `${platform()} ${release()}, ${arch()}`,
    node: process.versions.node,
    webgpu,
    ...versions,
    commit,
    args,
    ...('seed' in args && { seed: args.seed }),
    model,
    dtype,
    ...(fallbacks && { fallbacks }),
  };
}

/** Names the processor and the number of its cores, on which a software adapter runs. */
function describeProcessor(): string {
  const cores = cpus();
  return `${cores.length} × ${cores[0]?.model.trim() ?? 'unknown'}`;
}

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
