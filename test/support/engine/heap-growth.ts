// Growth of the heap per thing made, the least of several rounds: what a leak adds to every round, and warming up does
// not.
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Rounds of work: growth from other causes does not occur in each of them. */
const ROUNDS = 3;

/**
 * Measures by how many bytes the heap grows with each of the `count` objects of a round: the least of several rounds
 * after the first.
 */
export async function heapGrowth(count: number, round: () => Promise<unknown>): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const sizes: number[] = [];
  for (let index = 0; index <= ROUNDS; index++) {
    await round();
    await setImmediate();
    collect();
    sizes.push(process.memoryUsage().heapUsed);
  }
  return Math.min(...sizes.slice(1).map((size, index) => (size - sizes[index]!) / count));
}
