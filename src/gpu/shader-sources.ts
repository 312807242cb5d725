// The WGSL files of the package, read once: kernels are built from texts, so that a caller's own may take their places.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { packageFile } from '../util/package-file.ts';
import { KernelError } from './errors.ts';

const SHADERS = packageFile('shaders/');

let sources: Record<string, string> | null = null;

/**
 * Text of every file in `shaders/`, by file name without extension.
 *
 * @throws KernelError when they are not where the code expects them, as in a program that was bundled without them.
 */
export function shaderSources(): Readonly<Record<string, string>> {
  if (sources) return sources;
  const names = readNames().filter((name) => name.endsWith('.wgsl'));
  if (names.length === 0) throw lostShaders('it holds none');
  sources = Object.fromEntries(names.map((name) => [name.slice(0, -5), readFileSync(new URL(name, SHADERS), 'utf8')]));
  return sources;
}

/** Path of a file in `shaders/`, for messages. */
export function shaderPath(name: string): string {
  return fileURLToPath(new URL(`${name}.wgsl`, SHADERS));
}

function readNames(): readonly string[] {
  try {
    return readdirSync(SHADERS);
  } catch (error) {
    throw lostShaders(error instanceof Error ? error.message : String(error));
  }
}

function lostShaders(reason: string): KernelError {
  const expected = `expected the WGSL files of roseinfer in ${fileURLToPath(SHADERS)}, but ${reason}`;
  const remedy = "copy the package's shaders/ there, or let the bundler leave roseinfer out (as external)";
  return new KernelError('shaders', `${expected}; where a program was bundled, ${remedy}`);
}
