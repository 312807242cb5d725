// Groups of texts that fit into one step: texts run in their order, so that a group is cut where the next one has no room.

/** Cuts texts, in their order, into groups of at most `maxTexts`, which together have at most `maxTokens`. */
export function groupTexts<T>(
  texts: readonly T[],
  tokensOf: (text: T) => number,
  { maxTexts, maxTokens }: { readonly maxTexts: number; readonly maxTokens: number },
): T[][] {
  const groups: T[][] = [];
  let numTokens = 0;
  for (const text of texts) {
    const group = groups.at(-1);
    const added = tokensOf(text);
    numTokens += added;
    if (group !== undefined && group.length < maxTexts && numTokens <= maxTokens) {
      group.push(text);
    } else {
      groups.push([text]);
      numTokens = added;
    }
  }
  return groups;
}
