// The import graph of shaders, read from their text: which files take part in a kernel.

/**
 * Collects the names of shaders and of all that they import, under any condition.
 *
 * @param sources texts by name; a name without one has no imports.
 */
export function modulesOf(sources: Readonly<Record<string, string>>, shaders: Iterable<string>): Set<string> {
  const names = new Set(shaders);
  // Iteration over a set includes what is added meanwhile.
  for (const name of names) {
    const imports = sources[name]?.matchAll(/^\s*(?:@if\([^)]*\) )?import package::(\w+)/gm) ?? [];
    for (const [, module = ''] of imports) names.add(module);
  }
  return names;
}
