// Builds the page that examines a visitor's GPU: static files, for any server or a disk.
//   node bench/build-page.ts [--out DIRECTORY]
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const { values } = parseArgs({
  options: { out: { type: 'string', default: 'dist-page' }, help: { type: 'boolean', default: false } },
});
if (values.help) {
  console.log(
    "build-page.ts\n\nBuilds the page that examines a visitor's GPU.\n\nOptions:\n  --out   directory of its files [default: dist-page]",
  );
  process.exit();
}
const directory = values.out;
const source = join(import.meta.dirname, 'page');

await mkdir(directory, { recursive: true });
await build({
  entryPoints: [join(source, 'page.ts')],
  outfile: join(directory, 'page.js'),
  bundle: true,
  minify: true,
  format: 'iife',
  platform: 'browser',
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'error',
});
for (const file of ['index.html', 'page.css']) await cp(join(source, file), join(directory, file));
console.log(`page: ${join(directory, 'index.html')}`);
