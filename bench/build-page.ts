// Builds the page that examines a visitor's GPU: static files, for any server or a disk.
//   node bench/build-page.ts [DIRECTORY]   by default dist-page/
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const [directory = 'dist-page'] = process.argv.slice(2);
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
