// Installation of a peer: an npm package of a fixed version in a directory of its own, no dependency of this project.
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { PeerError } from './peer-error.ts';

/** Version of an npm package. */
export interface PeerPackage {
  readonly name: string;
  readonly version: string;
}

/** Package of llama.cpp. */
export const LLAMA: PeerPackage = { name: 'node-llama-cpp', version: '3.21.1' };
/** Package of ONNX Runtime. */
export const ONNX: PeerPackage = { name: 'onnxruntime-node', version: '1.30.0' };

/**
 * Installs a package into a subdirectory of `dir`, unless it is there already; returns the package's directory. No
 * install script runs: both packages contain their binaries.
 *
 * @throws PeerError with npm's reason, and the signal's reason.
 */
export async function installPeer({ name, version }: PeerPackage, dir: string, signal: AbortSignal): Promise<string> {
  const prefix = resolve(dir, name);
  const installed = join(prefix, 'node_modules', name);
  // Written after a complete installation: an interrupted one leaves a package.json, too.
  const stamp = join(prefix, '.installed');
  if ((await stampedVersion(stamp)) === version) return installed;
  await mkdir(prefix, { recursive: true });
  await rm(stamp, { force: true });
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--no-save'];
  try {
    // Started there because npm keeps its cache where it is started when HOME is empty.
    const options = { cwd: prefix, signal };
    await promisify(execFile)('npm', ['install', ...quiet, '--prefix', prefix, `${name}@${version}`], options);
  } catch (cause) {
    signal.throwIfAborted();
    throw new PeerError(`npm can't install ${name}@${version} (${npmReason(cause)})`, { cause });
  }
  await writeFile(stamp, version);
  return installed;
}

async function stampedVersion(stamp: string): Promise<string | null> {
  return readFile(stamp, 'utf8').catch(() => null);
}

/** Finds npm's own error code, else that of starting npm. */
function npmReason(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  const [, code] = /^npm error code (\S+)/m.exec(stderr) ?? [];
  return code ?? (error instanceof Error && 'code' in error ? String(error.code) : String(error));
}
