// Parts of a whole that were joined: one after another, or an element of each in turn.

/** Place of a part: its element i is element first + i · step of the whole. */
export interface PartOf {
  readonly first: number;
  readonly step: number;
}

/** Returns the place in the whole of element `i` of a part. */
export function partIndex(i: number, { first, step }: PartOf): number {
  return first + i * step;
}

/** Copies rows of a part to their places in the whole. @param length numbers of a row. */
export function placeRows(part: Float32Array, whole: Float32Array, length: number, place: PartOf): void {
  for (let row = 0; row < part.length / length; row++) {
    whole.set(part.subarray(row * length, (row + 1) * length), partIndex(row, place) * length);
  }
}

/** Returns the rows of a part of the whole. @param numRows those of the part. @param length numbers of a row. */
export function takeRows(whole: Float32Array, numRows: number, length: number, place: PartOf): Float32Array {
  const part = new Float32Array(numRows * length);
  for (let row = 0; row < numRows; row++) {
    const at = partIndex(row, place) * length;
    part.set(whole.subarray(at, at + length), row * length);
  }
  return part;
}
