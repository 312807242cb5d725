// Numbers between two bounds, as digits: a range is split at the first digit in which its ends differ. Numbers have as many
// decimals as their bounds, two at least and one more between two that are excluded, and no more than 15 digits with them, so that a
// parser tells them apart.
import { characterSet } from './character-set.ts';
import { character, choice, EMPTY, type Expression, repeat, sequence, text } from './expression.ts';

/** One end of a range. */
export interface Bound {
  readonly value: number;
  readonly isExclusive: boolean;
}

/** Digits of a number, at most. */
const MAX_DIGITS = 15;
/** Largest number. */
export const MAX_WRITTEN = 10 ** MAX_DIGITS - 1;
/** Decimals of a bound, at most. */
export const MAX_BOUND_DECIMALS = 6;
/** Decimals of a number between whole bounds, at most. */
const USUAL_DECIMALS = 2;
/** First digits of a range's end that are no number of its own length: a leading zero stands alone. */
const ZERO = 0x30;

const DIGIT = character(characterSet([ZERO, ZERO + 9]));

/** A number as `digits / 10 ** decimals`. */
interface Decimal {
  readonly digits: bigint;
  readonly decimals: number;
}

/** Counts the decimals that a number has when it is written without an exponent. */
export function decimalsOf(value: number): number {
  return decimalOf(value).decimals;
}

/** Makes the expression of the integers between two bounds; without a bound, of at most 15 digits. */
export function integersBetween(low: Bound | null, high: Bound | null): Expression {
  return scaledBetween(low, high, 0, MAX_DIGITS);
}

/** Makes the expression of the numbers between two bounds, of which one is given. */
export function numbersBetween(low: Bound | null, high: Bound | null): Expression {
  const given = [low, high].filter((bound) => bound !== null).map(({ value }) => value);
  const numWhole = Math.max(...given.map((value) => String(Math.floor(Math.abs(value))).length));
  const isBetween = low?.isExclusive && high?.isExclusive;
  const wanted = Math.max(USUAL_DECIMALS, ...given.map((value) => decimalsOf(value) + (isBetween ? 1 : 0)));
  const most = Math.max(0, Math.min(wanted, MAX_DIGITS - numWhole));
  const forms = Array.from({ length: most + 1 }, (_, decimals) =>
    scaledBetween(low, high, decimals, MAX_DIGITS - most),
  );
  return choice(...forms);
}

/** Makes the expression of the numbers with exactly some decimals, and a number of digits before them. */
function scaledBetween(low: Bound | null, high: Bound | null, decimals: number, numWhole: number): Expression {
  const largest = 10n ** BigInt(numWhole + decimals) - 1n;
  const least = low === null ? -largest : larger(-largest, lowest(low, decimals));
  const most = high === null ? largest : -larger(-largest, lowest(negated(high), decimals));
  const positive = unsignedBetween(larger(least, 0n), most, decimals);
  const negative = unsignedBetween(larger(-most, 1n), -least, decimals);
  return choice(...positive, ...negative.map((expression) => sequence(text('-'), expression)));
}

/** The lowest multiple of `10 ** -decimals` within a lower bound, in these units. */
function lowest({ value, isExclusive }: Bound, decimals: number): bigint {
  const { digits, decimals: own } = decimalOf(value);
  if (own <= decimals) return digits * 10n ** BigInt(decimals - own) + (isExclusive ? 1n : 0n);
  const unit = 10n ** BigInt(own - decimals);
  const floor = digits / unit - (digits % unit < 0n ? 1n : 0n);
  return digits % unit === 0n && !isExclusive ? floor : floor + 1n;
}

/** Makes an expression for each number of digits. */
function unsignedBetween(least: bigint, most: bigint, decimals: number): Expression[] {
  const expressions: Expression[] = [];
  if (least > most) return expressions;
  const shortest = Math.max(String(least).length, decimals + 1);
  for (let length = shortest; length <= Math.max(String(most).length, decimals + 1); length++) {
    const start = larger(least, length === decimals + 1 ? 0n : 10n ** BigInt(length - 1));
    const end = -larger(-most, 1n - 10n ** BigInt(length));
    expressions.push(digitsBetween(String(start).padStart(length, '0'), String(end).padStart(length, '0'), decimals));
  }
  return expressions;
}

/** Makes the expression of the digits between two texts of one length. */
function digitsBetween(start: string, end: string, decimals: number): Expression {
  if (start === '') return EMPTY;
  const rest = start.length - 1;
  const [first, last] = [Number(start[0]), Number(end[0])];
  const tail = (each: string) => each.slice(1);
  if (first === last)
    return sequence(digit(first, first, rest, decimals), digitsBetween(tail(start), tail(end), decimals));
  const whole = [first, last];
  const options: Expression[] = [];
  // An end whose other digits are all that there can be belongs to the middle.
  if (/[1-9]/.test(tail(start))) {
    whole[0] = first + 1;
    options.push(sequence(digit(first, first, rest, decimals), digitsBetween(tail(start), '9'.repeat(rest), decimals)));
  }
  if (/[0-8]/.test(tail(end))) {
    whole[1] = last - 1;
    options.push(sequence(digit(last, last, rest, decimals), digitsBetween('0'.repeat(rest), tail(end), decimals)));
  }
  const [from = 0, to = 0] = whole;
  if (from <= to) options.push(sequence(digit(from, to, rest, decimals), digits(rest, decimals)));
  return choice(...options);
}

/** One digit of a range, after the point if it is the first decimal. */
function digit(first: number, last: number, numAfter: number, decimals: number): Expression {
  const expression = character(characterSet([ZERO + first, ZERO + last]));
  return decimals > 0 && numAfter === decimals - 1 ? sequence(text('.'), expression) : expression;
}

/** Any digits, with the point if it is among them. */
function digits(length: number, decimals: number): Expression {
  if (decimals === 0 || length < decimals) return repeat(DIGIT, length, length);
  return sequence(repeat(DIGIT, length - decimals, length - decimals), text('.'), repeat(DIGIT, decimals, decimals));
}

function decimalOf(value: number): Decimal {
  const [significand = '', exponent = '0'] = String(value).split('e');
  const [whole = '', fraction = ''] = significand.split('.');
  const decimals = fraction.length - Number(exponent);
  const all = BigInt(`${whole}${fraction}`);
  return decimals >= 0 ? { digits: all, decimals } : { digits: all * 10n ** BigInt(-decimals), decimals: 0 };
}

function negated({ value, isExclusive }: Bound): Bound {
  return { value: -value, isExclusive };
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
