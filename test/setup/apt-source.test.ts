// .setup/apt-source.sh on made-up apt folders: the entry for bookworm-backports is derived from the system's own.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.ts';

let etcApt: string;
beforeEach(() => {
  etcApt = temporaryDirectory();
});

function derive(files: Record<string, string>, suite = 'bookworm'): string {
  for (const [name, content] of Object.entries(files)) {
    const path = join(etcApt, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  return execFileSync('sh', ['.setup/apt-source.sh', etcApt, suite, 'bookworm-backports'], { encoding: 'utf8' });
}

const DEB822 = `# made by the installer
Types: deb
URIs: https://security.invalid/debian-security
Suites: bookworm-security
Components: main

Types: deb deb-src
# a comment
URIs: https://mirror.invalid/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/some.gpg
`;

test('a deb822 entry keeps address and keys and gets the new suite', () => {
  expect(derive({ 'sources.list.d/debian.sources': DEB822 })).toBe(
    `Types: deb
Suites: bookworm-backports
Components: main
URIs: https://mirror.invalid/debian
Signed-By: /usr/share/keyrings/some.gpg
`,
  );
});

test('deb822 fields may run over several lines', () => {
  const source = `Suites:
 bookworm
\tbookworm-updates
Types: deb
uris: https://one.invalid/debian
 https://two.invalid/debian
Components:
 main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEYCQj
 -----END PGP PUBLIC KEY BLOCK-----
`;
  expect(derive({ 'sources.list.d/a.sources': source })).toBe(
    `Types: deb
Suites: bookworm-backports
Components: main
uris: https://one.invalid/debian
 https://two.invalid/debian
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEYCQj
 -----END PGP PUBLIC KEY BLOCK-----
`,
  );
});

test('a one-line entry keeps options and address and gets the new suite', () => {
  const list = `deb cdrom:[Debian_12]/ bookworm main
# deb https://commented.invalid/debian bookworm main
deb-src https://src.invalid/debian bookworm main
deb https://security.invalid/debian-security bookworm-security main
deb  [ arch=amd64 signed-by=/k.gpg ]\thttps://mirror.invalid/debian  bookworm contrib main # here
`;
  expect(derive({ 'sources.list': list })).toBe(
    'deb [ arch=amd64 signed-by=/k.gpg ]\thttps://mirror.invalid/debian bookworm-backports main\n',
  );
  expect(derive({ 'sources.list': '', 'sources.list.d/a.list': 'deb https://m.invalid/debian bookworm main\n' })).toBe(
    'deb https://m.invalid/debian bookworm-backports main\n',
  );
});

test('an entry for backports that is there already is found, unless it is switched off', () => {
  const backports = DEB822.replace('Suites: bookworm bookworm-updates', 'Suites: bookworm-backports');
  expect(derive({ 'sources.list.d/b.sources': backports }, 'bookworm-backports')).not.toBe('');
  const disabled = backports.replaceAll('Types:', 'Enabled: no\nTypes:');
  expect(derive({ 'sources.list.d/b.sources': disabled }, 'bookworm-backports')).toBe('');
});

test.for<[string, Record<string, string>]>([
  ['there is no source at all', {}],
  ['the suite is another one', { 'sources.list': 'deb https://m.invalid/debian trixie main\n' }],
  ['section main is missing', { 'sources.list': 'deb https://m.invalid/debian bookworm contrib non-free\n' }],
  ['the file is not an active one', { 'sources.list.d/debian.sources.off': DEB822 }],
])('nothing is printed when %s', ([, files]) => {
  expect(derive(files)).toBe('');
});
