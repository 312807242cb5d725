// .setup/setup.sh and .setup/isa.sh in a directory of their own, with npm, apt and Node made up: a step that failed once
// is tried again, one that succeeded is not.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.ts';

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
  cpSync('.setup', join(directory, '.setup'), { recursive: true });
  for (const script of ['.setup/setup.sh', '.setup/isa.sh']) {
    write(script, readFileSync(script, 'utf8').replaceAll('/etc/', `${directory}/etc/`));
  }
  write('package-lock.json', '{}');
  write('etc/os-release', 'ID=debian\nVERSION_ID=12\nVERSION_CODENAME=bookworm\n');
  write('etc/apt/sources.list', 'deb https://mirror.invalid/debian bookworm main\n');
  mkdirSync(at('etc/apt/sources.list.d'));
  program('id', 'echo 0');
  program('dpkg', '');
  program('tmux', '');
  npm('exit 0');
});

const at = (name: string) => join(directory, name);

function write(name: string, content: string): void {
  mkdirSync(dirname(at(name)), { recursive: true });
  writeFileSync(at(name), content);
}

function program(name: string, body: string, folder = 'bin'): void {
  write(`${folder}/${name}`, `#!/bin/sh\n${body}\n`);
  chmodSync(at(`${folder}/${name}`), 0o755);
}

/** An npm whose `ci` starts from nothing, as the real one does, and installs a Node that does `node`. */
function npm(node: string, end = 'exit 0'): void {
  program('node', node, 'package');
  program(
    'npm',
    `echo "npm $1" >>log; rm -rf node_modules; mkdir -p node_modules/.bin; cp package/node node_modules/.bin; ${end}`,
  );
}

/** Runs setup, or another script of it; returns its exit code and what npm and apt were asked for. */
function setup(script = '.setup/setup.sh') {
  rmSync(at('log'), { force: true });
  const env = { PATH: `${at('bin')}:/usr/bin:/bin` };
  const { status, stderr } = spawnSync('sh', [script], { cwd: directory, env, encoding: 'utf8' });
  const log = existsSync(at('log')) ? readFileSync(at('log'), 'utf8').trimEnd().split('\n') : [];
  return { status, log, stderr };
}

const sources = () => readdirSync(at('etc/apt/sources.list.d'));
const NO_ADAPTER = '[ "$1" = --eval ] || [ -e driver ]';

describe('npm packages', () => {
  test('are installed once', () => {
    expect(setup()).toMatchObject({ status: 0, log: ['npm ci'] });
    expect(setup()).toMatchObject({ status: 0, log: [] });
    write('package-lock.json', '{"changed":true}');
    expect(setup()).toMatchObject({ status: 0, log: ['npm ci'] });
  });

  test('are installed again when the Node among them did not run', () => {
    npm('exit 1');
    expect(setup()).toMatchObject({ status: 1, log: ['npm ci'], stderr: expect.stringContaining('does not run') });
    npm('exit 0');
    expect(setup()).toMatchObject({ status: 0, log: ['npm ci'] });
  });

  test('are installed again when npm failed half way', () => {
    npm('exit 0', 'exit 1');
    expect(setup()).toMatchObject({ status: 1, log: ['npm ci'] });
    npm('exit 0');
    expect(setup()).toMatchObject({ status: 0, log: ['npm ci'] });
  });

  test('are installed again when they ran once and do not any more', () => {
    npm('[ -e node_modules/webgpu ]', 'touch node_modules/webgpu');
    expect(setup().status).toBe(0);
    rmSync(at('node_modules/.bin/node'));
    expect(setup()).toMatchObject({ status: 0, log: ['npm ci'] });
    rmSync(at('node_modules/webgpu'));
    expect(setup()).toMatchObject({ status: 0, log: ['npm ci'] });
    expect(setup()).toMatchObject({ status: 0, log: [] });
  });
});

const apt = (update: string, install: string) =>
  program('apt-get', `echo "apt-get $1" >>log; case $1 in update) ${update} ;; install) ${install} ;; esac`);
const ALL = ['apt-get update', 'apt-get install'];

describe('the driver', () => {
  beforeEach(() => {
    npm(NO_ADAPTER);
  });

  test('is installed once', () => {
    apt('true', 'touch driver');
    expect(setup()).toMatchObject({ status: 0, log: ['npm ci', ...ALL] });
    expect(sources()).toEqual(['roseinfer-backports.list']);
    expect(setup()).toMatchObject({ status: 0, log: [] });
  });

  test.each([
    ['the list of packages could not be read', 'exit 100', 'touch driver', ['apt-get update']],
    ['it could not be installed', 'true', 'exit 100', ALL],
  ])('is tried again, with its source, after %s', (_, update, install, asked) => {
    apt(update, install);
    expect(setup()).toMatchObject({ status: 1, log: ['npm ci', ...asked] });
    expect(sources()).toEqual([]);
    apt('true', 'touch driver');
    expect(setup()).toMatchObject({ status: 0, log: ALL });
    expect(sources()).toEqual(['roseinfer-backports.list']);
  });

  test('is tried again after it was installed and no adapter answered', () => {
    apt('true', 'true');
    expect(setup()).toMatchObject({ status: 1, stderr: expect.stringContaining('the driver is installed, but') });
    apt('true', 'touch driver');
    expect(setup()).toMatchObject({ status: 0, log: ALL });
  });
});

describe('tmux', () => {
  beforeEach(() => {
    program('tmux', '[ -e terminal ]');
  });

  test('is installed once', () => {
    apt('true', 'case "$*" in *tmux*) touch terminal ;; esac');
    expect(setup()).toMatchObject({ status: 0, log: ['npm ci', ...ALL] });
    expect(sources()).toEqual([]);
    expect(setup()).toMatchObject({ status: 0, log: [] });
  });

  test('is no reason for setup to fail, and is tried again', () => {
    apt('exit 100', 'exit 100');
    expect(setup()).toMatchObject({ status: 0, log: ['npm ci', ...ALL] });
    expect(setup()).toMatchObject({ status: 0, log: ALL });
  });

  test('is left to the user who is not root', () => {
    program('id', 'echo 1000');
    apt('true', 'touch terminal');
    expect(setup()).toMatchObject({ status: 0, log: ['npm ci'] });
  });
});

describe('the shim of test:isa', () => {
  const installShim = () => setup('.setup/isa.sh');
  beforeEach(() => {
    program('dpkg', '[ "$1" != --status ] || [ -e shim ]');
  });

  test('is installed once, and by no ordinary setup', () => {
    apt('true', 'case "$*" in *mesa-drm-shim*) touch shim ;; esac');
    expect(setup()).toMatchObject({ status: 0, log: ['npm ci'] });
    expect(installShim()).toMatchObject({ status: 0, log: ALL });
    expect(sources()).toEqual(['roseinfer-backports.list']);
    expect(installShim()).toMatchObject({ status: 0, log: [] });
  });

  test('is tried again, with its source, after apt failed', () => {
    apt('true', 'exit 100');
    const stderr = expect.stringContaining('apt could not install mesa-drm-shim');
    expect(installShim()).toMatchObject({ status: 1, log: ALL, stderr });
    expect(sources()).toEqual([]);
    apt('true', 'touch shim');
    expect(installShim()).toMatchObject({ status: 0, log: ALL });
  });

  test('is left to the user elsewhere than on Debian 12 as root', () => {
    const stderr = expect.stringContaining('install mesa-drm-shim of the version of your mesa-vulkan-drivers');
    program('id', 'echo 1000');
    expect(installShim()).toMatchObject({ status: 1, log: [], stderr });
    program('id', 'echo 0');
    write('etc/os-release', 'ID=debian\nVERSION_ID=13\nVERSION_CODENAME=trixie\n');
    expect(installShim()).toMatchObject({ status: 1, log: [], stderr });
  });
});
