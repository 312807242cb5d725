// Groups of texts that fit into one step: texts are scored in their order, so that a group is cut where the next one has no room.

/** Cuts texts, in their order, into groups of at most `maxTexts`, of at most `maxTokens` inputs (all ids but a text's last). */
export function groupTexts(
  texts: readonly (readonly number[])[],
  { maxTexts, maxTokens }: { readonly maxTexts: number; readonly maxTokens: number },
): (readonly number[])[][] {
  const groups: (readonly number[])[][] = [];
  let numTokens = 0;
  for (const text of texts) {
    const group = groups.at(-1);
    numTokens += text.length - 1;
    if (group !== undefined && group.length < maxTexts && numTokens <= maxTokens) {
      group.push(text);
    } else {
      groups.push([text]);
      numTokens = text.length - 1;
    }
  }
  return groups;
}
