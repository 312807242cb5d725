// The keys that callers show. They are compared by their hashes, all of them each time, so that the time tells nothing of a key.
import { createHash, timingSafeEqual } from 'node:crypto';
import { count } from '../../util/count.ts';
import { RangeValueError } from '../../util/errors.ts';

/** Longest key, in characters. */
const MAX_KEY_LENGTH = 512;
/** Visible ASCII, as a header can carry it. */
const KEY = /^[\x21-\x7e]+$/;
const BEARER = /^bearer +(\S+)$/i;

/** Owner of what a call leaves behind: a hash of its key; empty where the server asks for none. */
export type Owner = string;

/** The keys of a server, one of which a call has to show; none lets everybody in. */
export class Keys {
  readonly #hashes: readonly Buffer[];

  /** @throws RangeValueError for a key that a header can't carry; it does not show the key. */
  constructor(keys: readonly string[]) {
    for (const [index, key] of keys.entries()) {
      if (KEY.test(key) && key.length <= MAX_KEY_LENGTH) continue;
      const expected = `1 to ${MAX_KEY_LENGTH} visible ASCII characters without spaces`;
      throw new RangeValueError(`key ${index + 1}`, count(key.length, 'character'), expected);
    }
    this.#hashes = keys.map(hashOf);
  }

  get areNeeded(): boolean {
    return this.#hashes.length > 0;
  }

  /** Finds the owner by an `Authorization` header; null for a wrong or missing key. */
  ownerOf(authorization: string | undefined): Owner | null {
    if (!this.areNeeded) return '';
    const [, key] = BEARER.exec(authorization ?? '') ?? [];
    const shown = hashOf(key ?? '');
    let owner: Owner | null = null;
    for (const hash of this.#hashes) if (timingSafeEqual(hash, shown)) owner = hash.toString('hex');
    return key === undefined ? null : owner;
  }
}

/** Reads keys of a file: one a line; empty lines and those that begin with # are none. */
export function keysOf(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
