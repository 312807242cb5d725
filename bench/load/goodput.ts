// Goodput: the rate of requests that keep given limits of latency, in the syntax of vLLM's --goodput.
import { RangeValueError } from '../../src/util/errors.ts';

/** Latencies of a request in milliseconds; null without a sample. */
export interface RequestLatency {
  readonly ttft: number | null;
  readonly tpot: number | null;
  readonly e2e: number | null;
}

/** Largest latencies of a good request in milliseconds; a missing one sets no limit. */
export type GoodputLimits = { readonly [K in keyof RequestLatency]?: number };

const LIMIT = /^(ttft|tpot|e2e|e2el):(\d+(?:\.\d+)?)$/;

/**
 * Reads `ttft:MS`, `tpot:MS` and `e2e:MS` (or `e2el:MS`, vLLM's name for it).
 *
 * @throws RangeValueError for another text, or a name given twice.
 */
export function parseGoodput(texts: readonly unknown[]): GoodputLimits {
  const limits: { -readonly [K in keyof GoodputLimits]: GoodputLimits[K] } = {};
  for (const text of texts) {
    const [, name, limit] = LIMIT.exec(String(text)) ?? [];
    const key = name === 'e2el' ? 'e2e' : name;
    if (
      (key !== 'ttft' && key !== 'tpot' && key !== 'e2e') ||
      limits[key] !== undefined ||
      !Number.isFinite(Number(limit))
    ) {
      throw new RangeValueError('--goodput', text, 'ttft:MS, tpot:MS and e2e:MS, each at most once');
    }
    limits[key] = Number(limit);
  }
  if (texts.length === 0) throw new RangeValueError('number of --goodput', 0, 'at least 1');
  return limits;
}

/** Tells whether a completed request keeps every limit. A missing latency, as the TPOT of one token, keeps its own. */
export function isGood({ ttft, tpot, e2e }: RequestLatency, limits: GoodputLimits): boolean {
  return isWithin(ttft, limits.ttft) && isWithin(tpot, limits.tpot) && isWithin(e2e, limits.e2e);
}

function isWithin(value: number | null, limit = Number.POSITIVE_INFINITY): boolean {
  return value === null || value <= limit;
}
