// Verdict on a kernel: its runs are compared with what is right, and bit by bit with each other.
import { DeviceLostError } from '../gpu/errors.ts';
import type { NamedVariant } from '../gpu/kernel-variants.ts';
import type { Expected } from '../kernels/kernel-case.ts';
import { furthestElement } from '../testing/furthest.ts';
import { digestOf } from '../util/digest.ts';
import { RoseinferError } from '../util/errors.ts';

/** Run of one variant over all or a part of a case. */
export interface PlannedRun {
  readonly variant: NamedVariant;
  /** The case and the batch. */
  readonly what: string;
  /** Where in the expected output this run's begins. */
  readonly start?: number;
  readonly run: () => Promise<Uint32Array>;
}

/** Element of a run that is furthest out. */
export interface Deviation {
  readonly what: string;
  readonly index: number;
  readonly got: number;
  readonly want: number;
  /** |got − want|; NaN where one of them is NaN. */
  readonly error: number;
  /** Largest error that is right. */
  readonly tolerance: number;
}

/** Variant with a wrong result, or none. */
export interface Fault {
  readonly variant: string;
  readonly isBase: boolean;
  readonly usedByModel: boolean;
  readonly message: string;
}

/** Bits of a case's result, to be compared with those of another machine. */
export interface CaseBits {
  readonly what: string;
  /** Digest of the words that the base variant gives; null where they are wrong. */
  readonly bits: string | null;
}

/** Verdict on one kernel, and the numbers that it rests on. */
export interface KernelReport {
  readonly kernel: string;
  readonly numVariants: number;
  readonly numRuns: number;
  /** The greatest error of a run in parts of its tolerance; null where outputs are exact. */
  readonly worst: Deviation | null;
  /** The first fault of each variant. */
  readonly faults: readonly Fault[];
  readonly cases: readonly CaseBits[];
  /**
   * `ok`: every variant is right and bit-equal to the base variant. `avoid`: the base variant and the model's are, others
   * are not. `wrong`: the base variant or one that the model takes is not.
   */
  readonly verdict: 'ok' | 'avoid' | 'wrong';
}

/** Collects the runs of one kernel's variants and judges them. */
export class Judge {
  readonly kernel: string;
  readonly #variants = new Set<string>();
  readonly #faults = new Map<string, Fault>();
  readonly #cases: CaseBits[] = [];
  #numRuns = 0;
  #worst: Deviation | null = null;

  constructor(kernel: string) {
    this.kernel = kernel;
  }

  /**
   * Runs a case: each run must be within tolerance, and must have the bits of `bits`, or where that is absent of the first
   * run, which covers the whole case. Bits are compared with right ones only.
   *
   * @returns the words of the first run when they are right, else null.
   * @throws DeviceLostError.
   */
  async check(
    runs: readonly PlannedRun[],
    expected: Expected,
    bits: Uint32Array | null = null,
  ): Promise<Uint32Array | null> {
    let reference = bits;
    let first: Uint32Array | null = null;
    for (const [i, planned] of runs.entries()) {
      const words = await this.#run(planned, expected, reference);
      if (i > 0) continue;
      first = words;
      this.#cases.push({ what: planned.what, bits: words && digestOf(words) });
      reference ??= first;
    }
    return first;
  }

  report(): KernelReport {
    const faults = [...this.#faults.values()];
    const mustWork = faults.some(({ isBase, usedByModel }) => isBase || usedByModel);
    return {
      kernel: this.kernel,
      numVariants: this.#variants.size,
      numRuns: this.#numRuns,
      worst: this.#worst,
      faults,
      cases: [...this.#cases],
      verdict: faults.length === 0 ? 'ok' : mustWork ? 'wrong' : 'avoid',
    };
  }

  async #run(planned: PlannedRun, expected: Expected, reference: Uint32Array | null): Promise<Uint32Array | null> {
    const { variant, what, start = 0, run } = planned;
    this.#variants.add(variant.label);
    this.#numRuns++;
    let words: Uint32Array;
    try {
      words = await run();
    } catch (error) {
      if (error instanceof DeviceLostError || !(error instanceof RoseinferError)) throw error;
      this.#fault(variant, `${what}: ${error.message}`);
      return null;
    }
    const deviation = furthest(words, expected, start, what);
    if (deviation !== null && !(deviation.error <= deviation.tolerance)) {
      const { index, got, want, tolerance } = deviation;
      this.#fault(
        variant,
        `${what}: element ${index} is ${got}, expected ${want}${tolerance > 0 ? ` ± ${tolerance.toExponential(1)}` : ''}`,
      );
      return null;
    }
    if (deviation !== null && expected.tolerance !== null && inTolerances(deviation) > inTolerances(this.#worst)) {
      this.#worst = deviation;
    }
    const differing = reference === null ? -1 : words.findIndex((word, i) => word !== reference[start + i]);
    if (reference !== null && differing >= 0) {
      const got = expected.toNumbers(words)[differing];
      const want = expected.toNumbers(reference)[start + differing];
      this.#fault(
        variant,
        `${what}: element ${start + differing} is ${got}, other bits than ${want} of the base variant`,
      );
      return null;
    }
    return words;
  }

  #fault({ label, isBase, usedByModel }: NamedVariant, message: string): void {
    if (!this.#faults.has(label)) this.#faults.set(label, { variant: label, isBase, usedByModel, message });
  }
}

function inTolerances(deviation: Deviation | null): number {
  return deviation === null ? -1 : deviation.error / deviation.tolerance;
}

/** The element that is furthest out in parts of its tolerance; null when all are equal to what is expected. */
function furthest(words: Uint32Array, { want, tolerance, toNumbers }: Expected, start: number, what: string) {
  const { element } = furthestElement({
    got: toNumbers(words),
    wantOf: (i) => want[start + i]!,
    toleranceOf: (i) => tolerance?.[start + i] ?? 0,
  });
  return element && { what, ...element, index: start + element.index };
}
