// The repository runs from src/ without a build; the package runs from dist/, which has what src/ imports of bench/, too, for Node strips no types inside
// node_modules. npm packs package.json as it lies there, so its entry points are moved before that and back after it:
//   node .setup/entry-points.mjs dist|src
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

const moves = {
  dist: (path) => path.replace(/^\.\/src\/(.*)\.[jt]s$/, './dist/src/$1.js'),
  src: (path) =>
    path.replace(/^\.\/dist\/src\/(.*)\.js$/, (_, name) => `./src/${name}.${isTypeScript(name) ? 'ts' : 'js'}`),
};

function isTypeScript(name) {
  return existsSync(new URL(`src/${name}.ts`, root));
}

const move = moves[process.argv[2]];
if (!move) throw new Error(`entry-points.mjs: got ${process.argv[2]}, expected dist or src`);
const moved = (paths) =>
  typeof paths === 'string'
    ? move(paths)
    : Object.fromEntries(Object.entries(paths).map(([key, path]) => [key, moved(path)]));
for (const field of ['exports', 'imports', 'bin']) manifest[field] = moved(manifest[field]);
writeFileSync(new URL('package.json', root), `${JSON.stringify(manifest, null, 2)}\n`);
