// A digest of words: two results are equal, for all that it matters, when their digests are. No cryptography.

/** First words and multipliers of two FNV-1a hashes over 32-bit words. */
const LANES = [
  [0x811c9dc5, 0x01000193],
  [0x9747b28c, 0x85ebca6b],
] as const;

/** Digests words to 16 hexadecimal digits. */
export function digestOf(words: Uint32Array): string {
  const digits = LANES.map(([start, multiplier]) => {
    let hash: number = start;
    for (const word of words) {
      hash = Math.imul(hash ^ word, multiplier);
      hash ^= hash >>> 15;
    }
    return (hash >>> 0).toString(16).padStart(8, '0');
  });
  return digits.join('');
}
