// Right outputs of a check: arrays that the caller has, or a function of the operands, which can tell what is right of other inputs,
// too.
import type { Dims } from '../gpu/kernel-spec.ts';
import type { TensorData } from '../gpu/tensor-data.ts';
import { RangeValueError } from '../util/errors.ts';
import { checkKeys, isRecord } from '../util/keys.ts';
import type { HostOperand } from './host-operands.ts';
import { lengthOf } from './host-operands.ts';
import type { Limit } from './limit.ts';

/** Right values of an output, and what its bound may need. */
export interface DetailedExpectation {
  /** One number for each element. */
  readonly want: ArrayLike<number>;
  /** Σ|terms| of each element, for `bounds.sum`. */
  readonly magnitude?: ArrayLike<number> | undefined;
  /** Largest |got − want| of each element, in place of `bound`; null where the output is exact. */
  readonly tolerance?: ArrayLike<number> | null | undefined;
  /** Reads the words of the output as numbers, for a format of its own. */
  readonly toNumbers?: ((words: Uint32Array) => ArrayLike<number>) | undefined;
}

/** Right values of an output; null for one that is not compared. */
export type Expectation = ArrayLike<number> | DetailedExpectation | null;

/** Expectations by output. */
export type Expectations = Readonly<Record<string, Expectation>>;

/** A method, so that a function may name its operands and their types: `({ x }: { x: Float32Array }) => …`. */
interface AnyReference {
  compute(data: Readonly<Record<string, TensorData>>, dims: Dims): Expectations;
}

/**
 * Right outputs of a kernel's operands.
 *
 * @param data what each operand holds before the dispatch; outputs that start as garbage are left out.
 * @param dims shape letters, scalars and constants.
 */
export type Reference = AnyReference['compute'];

/** Expectation of one output, with its limit. */
export interface OutputExpectation extends DetailedExpectation {
  readonly limit: Limit;
}

const DETAIL_KEYS = { want: true, magnitude: true, tolerance: true, toNumbers: true };

/**
 * Completes the expectations of the outputs.
 *
 * @param magnitudes expectations of the absolute values of the inputs, for bounds of sums that lack a magnitude.
 * @throws RangeValueError for an output without one, an unknown name, and another number of elements than the output has.
 */
export function resolveExpectations(
  given: Expectations,
  outputs: readonly HostOperand[],
  limitOf: (output: string) => Limit,
  magnitudes: (() => Expectations) | null,
): Map<string, OutputExpectation | null> {
  const names = outputs.map(({ name }) => name);
  if (!isRecord(given)) throw new RangeValueError('expect', given, `arrays by output: { ${names.join(', ')} }`);
  checkKeys('expect', given, Object.fromEntries(names.map((name) => [name, true])));
  return new Map(
    outputs.map((output) => {
      const { name } = output;
      const expectation = detailed(given[name], output);
      if (expectation === null) return [name, null];
      const limit = expectation.tolerance === undefined ? limitOf(name) : (expectation.tolerance ?? 0);
      if (!needsMagnitude(limit) || expectation.magnitude !== undefined) return [name, { ...expectation, limit }];
      const absolute = detailed(magnitudes?.()[name], output, true);
      if (absolute === null) {
        throw new RangeValueError(`expect.${name}`, given[name], '{ want, magnitude }: bounds.sum needs Σ|terms|');
      }
      return [name, { ...expectation, limit, magnitude: Float64Array.from(absolute.want, Math.abs) }];
    }),
  );
}

function needsMagnitude(limit: Limit): boolean {
  return typeof limit === 'object' && 'needsMagnitude' in limit && limit.needsMagnitude;
}

function detailed(given: Expectation | undefined, output: HostOperand, mayMiss = false): DetailedExpectation | null {
  const { name } = output;
  if (given === null || (given === undefined && mayMiss)) return null;
  if (given === undefined) {
    throw new RangeValueError(`expect.${name}`, given, 'right values, or null to leave the output unchecked');
  }
  const isArray = Array.isArray(given) || ArrayBuffer.isView(given);
  if (typeof given !== 'object' || (!isArray && !('want' in given))) {
    throw new RangeValueError(`expect.${name}`, given, 'an array, or { want }');
  }
  if (!('want' in given)) return checkLength({ want: given }, output);
  checkKeys(`expect.${name}`, given, DETAIL_KEYS);
  return checkLength(given, output);
}

function checkLength(expectation: DetailedExpectation, output: HostOperand): DetailedExpectation {
  const { want, toNumbers } = expectation;
  if (toNumbers === undefined && want.length !== lengthOf(output)) {
    const expected = `${lengthOf(output)} of [${output.shape.join(', ')}]`;
    throw new RangeValueError(`elements of expect.${output.name}`, want.length, expected);
  }
  return expectation;
}
