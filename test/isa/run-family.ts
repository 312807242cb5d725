// Compiles a model for one family of GPUs, in a process of its own: a driver reads the family when it is loaded.
import { fork } from 'node:child_process';
import { closeSync, mkdtempDisposableSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RoseinferError } from '../../src/util/errors.ts';
import { type DrmShim, type Family, shimEnv } from './drm-shim.ts';
import type { CompilerMessage, ModelLaunches } from './launches.ts';
import { type CompiledShader, lastLabel, parseDump } from './shader-dump.ts';

const SCRIPT = fileURLToPath(new URL('./compile.ts', import.meta.url));

/** A model as it is compiled for a family, and what it launches. */
export interface CompiledModel extends ModelLaunches {
  readonly family: Family;
  /** By label. */
  readonly compiled: ReadonlyMap<string, CompiledShader>;
}

/** Error of a family for which a model does not compile. */
export class CompileFamilyError extends RoseinferError {}

/**
 * Compiles a model for a family.
 *
 * @throws CompileFamilyError that names the shader when the driver refuses one or ends the process, and where another
 * GPU answers; ShaderDumpError for code that can't be read.
 */
export async function runFamily(shim: DrmShim, family: Family): Promise<CompiledModel> {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'roseinfer-isa-'));
  const path = join(directory.path, 'dump.txt');
  const message = await compile(family, { ...process.env, ...shimEnv(shim, family) }, path);
  const dump = readFileSync(path, 'utf8');
  if ('error' in message) {
    throw new CompileFamilyError(`${family}, ${lastLabel(dump) ?? 'before the first shader'}: ${message.error}`);
  }
  return { ...message, family, compiled: parseDump(dump) };
}

/** Runs the compiling process; what its driver prints goes to a file, where a pipe could lose some of it. */
async function compile(family: Family, env: NodeJS.ProcessEnv, path: string): Promise<CompilerMessage> {
  const dump = openSync(path, 'w');
  try {
    const child = fork(SCRIPT, [family], { env, stdio: ['ignore', 'ignore', dump, 'ipc'] });
    const { promise, resolve } = Promise.withResolvers<CompilerMessage>();
    let message: CompilerMessage | null = null;
    child.once('message', (received: CompilerMessage) => {
      message = received;
    });
    child.once('exit', (code, signal) =>
      resolve(message ?? { error: `the compiling process ended with ${signal ?? `exit status ${code}`}` }),
    );
    return await promise;
  } finally {
    closeSync(dump);
  }
}
