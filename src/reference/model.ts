// Parts of the oracles that no architecture has for itself: weights by name, embedding, residual sum, rows of the output.
import { RangeValueError, RoseinferError } from '../util/errors.ts';
import { isRecord } from '../util/keys.ts';
import { type Checks, callback, checkOptions, checkValue } from '../util/option-checks.ts';
import { checkArray } from './checks.ts';

/** Result of a forward pass over T tokens. */
export interface ReferenceOutput {
  /** [T, V], or one row for each of `logitsRows`. */
  readonly logits: Float64Array;
  /** L + 1 arrays [T, C]: the residual stream entering each layer, then the output of the final norm. */
  readonly hidden: readonly Float64Array[];
}

/** Options of a forward pass. */
export interface ForwardOptions {
  /** Rows of the T that go through the LM head, by index from 0; all by default. */
  readonly logitsRows?: readonly number[];
  /**
   * Called with the values of each point of the pass as they are computed; what it changes in place, all that comes after takes.
   *
   * @param point its name, such as `embed` or `blocks.3.z`.
   * @param shape as of the model's own points, e.g. [T, H, D].
   */
  readonly onPoint?: (point: string, values: Float64Array, shape: readonly number[]) => void;
}

/** Calls `onPoint` of a forward pass; returns the values. */
export function visit(
  { onPoint }: ForwardOptions,
  point: string,
  values: Float64Array,
  ...shape: number[]
): Float64Array {
  onPoint?.(point, values, shape);
  return values;
}

const FORWARD: Checks<ForwardOptions> = {
  logitsRows: { expected: 'a list of integers', accepts: Array.isArray },
  onPoint: callback,
};

/**
 * Checks the arguments of a forward pass, but for single ids.
 *
 * @throws RangeValueError for ids that are no list, options that are none, and a state that `createState` did not make.
 */
export function checkForward(state: object, ids: ArrayLike<number>, options: ForwardOptions): void {
  const isState = isRecord(state) && 'length' in state && 'keys' in state && 'values' in state;
  if (!isState) throw new RangeValueError('state', state, 'a value of createState');
  if (!Array.isArray(ids) && !ArrayBuffer.isView(ids)) throw new RangeValueError('ids', ids, 'a list of token ids');
  checkOptions('options of the forward pass', options, FORWARD);
}

/**
 * Checks the source of weights.
 *
 * @throws RangeValueError for anything but a function.
 */
export function checkLookup(tensors: WeightLookup): void {
  checkValue('tensors', tensors, { ...callback, expected: 'a function that gives a weight by its name' });
}

/** Finds a weight by its name, `undefined` where there is none; `shape` is the expected one. */
export type WeightLookup = (name: string, shape: readonly number[]) => Float64Array | undefined;

/**
 * Takes one weight.
 *
 * @throws RoseinferError naming a weight that is missing.
 * @throws RangeValueError for another type or number of elements.
 */
export function takeWeight(tensors: WeightLookup, name: string, shape: readonly number[]): Float64Array {
  const data = tensors(name, shape);
  if (data === undefined) throw new RoseinferError(`${name} is missing, expected [${shape}]`);
  checkArray(name, data);
  const elements = shape.reduce((a, b) => a * b);
  if (data.length !== elements) throw new RangeValueError(`${name}.length`, data.length, `${elements} for [${shape}]`);
  return data;
}

/**
 * Gathers the rows of tokens: out[T, C] of table[V, C].
 *
 * @throws RangeValueError for an id that is no row of the table, and for a table that is none.
 */
export function embed(ids: ArrayLike<number>, table: Float64Array, C: number): Float64Array {
  checkArray('table', table);
  const V = table.length / C;
  if (!Number.isInteger(V)) throw new RangeValueError('C', C, `a divisor of the ${table.length} elements of the table`);
  const out = new Float64Array(ids.length * C);
  for (let t = 0; t < ids.length; t++) {
    const id = ids[t]!;
    if (!Number.isInteger(id) || id < 0 || id >= V) {
      throw new RangeValueError(`ids[${t}]`, id, `an integer in [0, ${V})`);
    }
    out.set(table.subarray(id * C, (id + 1) * C), t * C);
  }
  return out;
}

/** Adds two arrays of one length, element by element. */
export function add(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + b[i]!);
}

/**
 * Gathers `logitsRows` of x[T, C]; all rows without it.
 *
 * @throws RangeValueError for an index that is no row.
 */
export function outputRows(x: Float64Array, C: number, { logitsRows }: ForwardOptions): Float64Array {
  if (logitsRows === undefined) return x;
  const out = new Float64Array(logitsRows.length * C);
  const T = x.length / C;
  for (const [i, row] of logitsRows.entries()) {
    if (!Number.isInteger(row) || row < 0 || row >= T) {
      throw new RangeValueError(`logitsRows[${i}]`, row, `an integer in [0, ${T})`);
    }
    out.set(x.subarray(row * C, (row + 1) * C), i * C);
  }
  return out;
}
