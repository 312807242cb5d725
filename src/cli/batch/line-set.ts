// A set of line numbers, in one bit a line.

/** Set of positive integers. */
export class LineSet {
  #bits = new Uint8Array(1024);
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds a number; returns false if it was there. */
  add(line: number): boolean {
    if (this.has(line)) return false;
    const index = line >>> 3;
    if (index >= this.#bits.length) {
      const bits = new Uint8Array(Math.max(2 * this.#bits.length, index + 1));
      bits.set(this.#bits);
      this.#bits = bits;
    }
    this.#bits[index]! |= 1 << (line & 7);
    this.#size++;
    return true;
  }

  /** Tells whether a number is there. */
  has(line: number): boolean {
    return (((this.#bits[line >>> 3] ?? 0) >>> (line & 7)) & 1) === 1;
  }
}
