// The import graph of shaders, read from their text.
import { shaderSources } from '../../../src/gpu/shader-sources.ts';

/** Collects the names of shaders and of all that they import. */
export function modulesOf(...shaders: readonly string[]): Set<string> {
  const names = new Set(shaders);
  // Iteration over a set includes what is added meanwhile.
  for (const name of names) {
    const imports = shaderSources()[name]?.matchAll(/^(?:@if\(\w+\) )?import package::(\w+)/gm) ?? [];
    for (const [, module = ''] of imports) names.add(module);
  }
  return names;
}
