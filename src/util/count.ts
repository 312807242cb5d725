// Numbers with their nouns, in the singular for one alone: "1 token", "2 tokens".

/** Writes a number with its noun. @param plural of a noun that takes more than an s. */
export function count(number: number | bigint, noun: string, plural = `${noun}s`): string {
  return `${number} ${Number(number) === 1 ? noun : plural}`;
}
