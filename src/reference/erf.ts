// The error function in float64, which JavaScript lacks.
import { RangeValueError } from '../util/errors.ts';

const SERIES_LIMIT = 2;
/** Terms of the continued fraction: enough for 1 ulp at SERIES_LIMIT, where it converges slowest. */
const FRACTION_TERMS = 60;

/**
 * Error function 2/√π · ∫₀ˣ exp(−t²) dt, to double accuracy.
 *
 * @throws RangeValueError for anything but a number.
 */
export function erf(x: number): number {
  checkNumber(x);
  return Math.abs(x) < SERIES_LIMIT ? erfSeries(x) : 1 - erfc(x);
}

/**
 * Complementary error function 1 − erf(x), without the cancellation for large x: relative error below 1e-13.
 *
 * @throws RangeValueError for anything but a number.
 */
export function erfc(x: number): number {
  checkNumber(x);
  if (x < 0) return 2 - erfc(-x);
  return x < SERIES_LIMIT ? 1 - erfSeries(x) : erfcFraction(x);
}

/** erf(x) = 2/√π · exp(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n + 1)!!, all terms of one sign (Abramowitz and Stegun 7.1.6). */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Number.EPSILON * 0.25 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** erfc(x) = exp(−x²) / √π · 1 / (x + ½ / (x + 1 / (x + 3⁄2 / (x + …)))) for x > 0 (Abramowitz and Stegun 7.1.14). */
function erfcFraction(x: number): number {
  let denominator = x;
  for (let n = FRACTION_TERMS; n >= 1; n--) denominator = x + n / 2 / denominator;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * denominator);
}

function checkNumber(x: number): void {
  if (typeof x !== 'number') throw new RangeValueError('x', x, 'a number');
}
