// The letters in which byte-level BPE writes bytes: printable Latin-1 stands for itself, the other bytes take the letters
// from U+0100 on (`bytes_to_unicode` of GPT-2's encoder).

/** Letter → byte. */
export const BYTE_OF_LETTER: ReadonlyMap<string, number> = (() => {
  const byteOfLetter = new Map<string, number>();
  let numUnprintable = 0;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    byteOfLetter.set(String.fromCodePoint(isPrintable ? byte : 0x100 + numUnprintable++), byte);
  }
  return byteOfLetter;
})();

const LETTERS: readonly string[] = [...BYTE_OF_LETTER.keys()];

/** Writes a text's UTF-8 in letters. */
export function lettersOf(text: string): string {
  return lettersOfBytes(new TextEncoder().encode(text));
}

/** Writes bytes in letters. */
export function lettersOfBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => LETTERS[byte]).join('');
}
