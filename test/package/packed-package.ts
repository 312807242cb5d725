// The package as npm would publish it, packed from a copy of the repository and installed in an empty folder. It is packed
// once for the sources that it is made of, and installed for each test file.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { examples } from '../docs/documents.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const NODE_MODULES = join(ROOT, 'node_modules');
/** Files and folders that npm packs from. */
const SOURCES = [
  ...[
    'LICENSE',
    'NOTICE',
    'README.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'bench',
    'docs',
    'shaders',
    'src',
    'weights',
  ],
  ...['.setup', 'package.json', 'tsconfig.json', 'tsconfig.build.json'],
];
const manifest = readFileSync(join(ROOT, 'package.json'), 'utf8');
const { name, version, dependencies }: Manifest = JSON.parse(manifest);
/** Name that npm gives the packed package. */
const TARBALL = `${name}-${version}.tgz`;
/** Folder of tarballs, by the hash of their sources. */
const TARBALLS = join(NODE_MODULES, '.cache/packed');

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

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

/** Installs the package in a folder of its own. Throws when npm fails, or leaves another package.json than it found. */
export function packPackage(): PackedPackage {
  const tarball = packedOnce();
  const user = mkdtempSync(join(tmpdir(), 'roseinfer-'));
  for (const dependency of Object.keys(dependencies)) linkPackage(dependency, user);
  writeFileSync(join(user, 'package.json'), '{ "private": true, "type": "module" }');
  npm(['install', '--ignore-scripts', tarball], user);
  for (const { file, code } of examples) writeFileSync(join(user, file), code);
  return { tarball, user, [Symbol.dispose]: () => rmSync(user, { recursive: true, force: true }) };
}

/** Returns the tarball of these sources, which the first caller of any test file or run packs. */
function packedOnce(): string {
  const sources = hashOfSources();
  const kept = join(TARBALLS, sources, TARBALL);
  if (existsSync(kept)) return kept;
  const temporary = mkdtempSync(join(tmpdir(), 'roseinfer-'));
  const source = join(temporary, 'source');
  for (const name of SOURCES) cpSync(join(ROOT, name), join(source, name), { recursive: true });
  symlinkSync(NODE_MODULES, join(source, 'node_modules'));
  npm(['pack', '--pack-destination', temporary], source);
  if (readFileSync(join(source, 'package.json'), 'utf8') !== manifest) throw new Error('packing changed package.json');
  // Renamed when it is whole: test files run in two processes.
  mkdirSync(dirname(kept), { recursive: true });
  const copy = `${kept}.${process.pid}`;
  cpSync(join(temporary, TARBALL), copy);
  renameSync(copy, kept);
  rmSync(temporary, { recursive: true, force: true });
  for (const old of readdirSync(TARBALLS).filter((name) => name !== sources))
    rmSync(join(TARBALLS, old), { recursive: true, force: true });
  return kept;
}

/** Hashes names and contents of all files that the package is made of, and the versions of what makes it. */
function hashOfSources(): string {
  const hash = createHash('sha256');
  for (const file of ['package-lock.json', ...SOURCES.flatMap(filesOf)]) {
    const bytes = readFileSync(join(ROOT, file));
    hash.update(`${file} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest('hex');
}

/** Lists a file, or all files under a folder of the repository. */
function filesOf(source: string): string[] {
  const path = join(ROOT, source);
  if (!statSync(path).isDirectory()) return [source];
  const entries = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map(({ parentPath, name }) => relative(ROOT, join(parentPath, name))).toSorted();
}

function npm(args: readonly string[], cwd: string): void {
  const { status, stdout, stderr } = run('npm', [...args, '--offline', '--loglevel=error'], cwd);
  if (status !== 0) throw new Error(`npm ${args.join(' ')}: ${stdout}${stderr}`);
}

/** Links a package of the repository's node_modules, since there is no network to install it from. */
export function linkPackage(name: string, into: string): void {
  const path = join(into, 'node_modules', name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(NODE_MODULES, name), path);
}
