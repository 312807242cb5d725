// The library xgrammar. Its package is a script that sets `exports` and says that it is a module, so Node can load it neither way:
// it is compiled here as the script that it is.
import { readFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';

type XGrammar = typeof import('@mlc-ai/web-xgrammar');

/** Loads the library. */
export function loadXGrammar(): XGrammar {
  const file = createRequire(import.meta.url).resolve('@mlc-ai/web-xgrammar');
  const script = new Module(file);
  Reflect.apply(Reflect.get(script, '_compile'), script, [readFileSync(file, 'utf8'), file]);
  return script.exports;
}
