// The package as npm would publish it, packed from a copy of the repository and installed in an empty folder.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { examples } from '../docs/documents.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const NODE_MODULES = join(ROOT, 'node_modules');
/** Files and folders that npm packs from. */
const SOURCES = [
  ...['LICENSE', 'README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'docs', 'shaders', 'src', 'weights'],
  ...['.setup', 'package.json', 'tsconfig.json'],
];

export interface PackedPackage extends Disposable {
  readonly tarball: string;
  /** A folder outside the repository: the package, its dependencies and the documents' programs, and nothing else. */
  readonly user: string;
}

/** Runs a program to its end. */
export function run(command: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** Packs and installs the package. Throws when npm fails, or leaves another package.json than it found. */
export function packPackage(): PackedPackage {
  const temporary = mkdtempSync(join(tmpdir(), 'roseinfer-'));
  const source = join(temporary, 'source');
  for (const name of [...SOURCES, 'tsconfig.build.json']) {
    cpSync(join(ROOT, name), join(source, name), { recursive: true });
  }
  symlinkSync(NODE_MODULES, join(source, 'node_modules'));
  npm(['pack', '--pack-destination', temporary], source);
  const manifest = readFileSync(join(source, 'package.json'), 'utf8');
  if (manifest !== readFileSync(join(ROOT, 'package.json'), 'utf8')) throw new Error('packing changed package.json');
  const { name, version, dependencies } = JSON.parse(manifest);
  const tarball = join(temporary, `${name}-${version}.tgz`);

  const user = join(temporary, 'user');
  for (const dependency of Object.keys(dependencies)) linkPackage(dependency, user);
  writeFileSync(join(user, 'package.json'), '{ "private": true, "type": "module" }');
  npm(['install', '--ignore-scripts', tarball], user);
  for (const { file, code } of examples) writeFileSync(join(user, file), code);
  return { tarball, user, [Symbol.dispose]: () => rmSync(temporary, { recursive: true, force: true }) };
}

function npm(args: readonly string[], cwd: string): void {
  const { status, stdout, stderr } = run('npm', [...args, '--offline', '--loglevel=error'], cwd);
  if (status !== 0) throw new Error(`npm ${args.join(' ')}: ${stdout}${stderr}`);
}

/** Links a package of the repository's node_modules, since there is no network to install it from. */
function linkPackage(name: string, into: string): void {
  const path = join(into, 'node_modules', name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(NODE_MODULES, name), path);
}
