// Items in order, cut into buckets of bounded length: what an addition or a removal moves does not grow with the list.

/** Most items of a bucket; a full one is cut in halves. */
const MAX_BUCKET = 64;

/** A list that is always sorted. Adding and removing take a binary search and move at most a bucket of items. */
export class SortedList<T> implements Iterable<T> {
  readonly #isBefore: (a: T, b: T) => boolean;
  /** None is empty, and all items of one come before those of the next. */
  readonly #buckets: T[][] = [];
  #length = 0;

  /** @param isBefore a total order: of two different items one is before the other, for as long as they are in the list. */
  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore;
  }

  get length(): number {
    return this.#length;
  }

  get first(): T | undefined {
    return this.#buckets[0]?.[0];
  }

  *[Symbol.iterator](): Generator<T, void> {
    for (const bucket of this.#buckets) yield* bucket;
  }

  /** Puts an item in its place. */
  add(item: T): void {
    this.#length++;
    const index = Math.min(this.#bucketOf(item), Math.max(this.#buckets.length - 1, 0));
    const bucket = this.#buckets[index];
    if (bucket === undefined) {
      this.#buckets.push([item]);
      return;
    }
    bucket.splice(this.#placeIn(bucket, item), 0, item);
    if (bucket.length > MAX_BUCKET) this.#buckets.splice(index + 1, 0, bucket.splice(MAX_BUCKET / 2));
  }

  /** Takes an item out. False when it is not in the list. */
  delete(item: T): boolean {
    const index = this.#bucketOf(item);
    const bucket = this.#buckets[index];
    if (bucket === undefined) return false;
    const place = this.#placeIn(bucket, item);
    if (bucket[place] !== item) return false;
    bucket.splice(place, 1);
    if (bucket.length === 0) this.#buckets.splice(index, 1);
    this.#length--;
    return true;
  }

  /** Index of the first bucket whose last item is not before `item`. */
  #bucketOf(item: T): number {
    return partitionPoint(this.#buckets, (bucket) => this.#isBefore(bucket.at(-1)!, item));
  }

  /** Index of the first item of a bucket that is not before `item`. */
  #placeIn(bucket: readonly T[], item: T): number {
    return partitionPoint(bucket, (each) => this.#isBefore(each, item));
  }
}

/** Number of items at the beginning of a list for which `isBefore` holds; it holds for none after them. */
export function partitionPoint<T>(items: readonly T[], isBefore: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(items[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}
