// Report of a check: values for a program, and lines for a reader that name the variant, the element and the likely mistake.
import { count } from '../util/count.ts';
import { RoseinferError } from '../util/errors.ts';

/** Kind of a fault. */
export type FaultKind =
  /** An element differs from the right value by more than its bound. */
  | 'wrong'
  /** An element is NaN or infinite, and should be a number; or it is a number, and should be NaN. */
  | 'not-finite'
  /** An output's element was never written. */
  | 'unwritten'
  /** A word beside an output was written. */
  | 'guard'
  /** Two runs on the same inputs gave other bits. */
  | 'unrepeatable'
  /** Another order of lanes gave other bits. */
  | 'lanes'
  /** Another variant, or size of subgroups, gave other bits than the base variant. */
  | 'variant'
  /** Workgroup memory was read before it was written. */
  | 'workgroup-memory'
  /** A variant did not compile or was refused. */
  | 'refused';

/** Something wrong that a check found. */
export interface KernelFault {
  readonly kind: FaultKind;
  /** Kernel and variant. */
  readonly variant: string;
  /** Circumstance of the run: the order of lanes, the size of subgroups, the inputs; null where nothing was. */
  readonly circumstance: string | null;
  /** Name of the output; null where the fault is in none. */
  readonly output: string | null;
  /** Coordinates of the worst element, or of the first whose bits differ. */
  readonly index: readonly number[] | null;
  readonly got: number | null;
  readonly want: number | null;
  /** |got − want| in parts of the bound; Infinity where either is not finite. */
  readonly excess: number | null;
  /** Elements that are wrong. */
  readonly numWrong: number;
  /** One line: all of the above, and what the mistake may be. */
  readonly message: string;
}

/** Element closest to its bound, or furthest beyond it. */
export interface WorstElement {
  readonly variant: string;
  readonly output: string;
  readonly index: readonly number[];
  readonly got: number;
  readonly want: number;
  /** |got − want| in parts of the bound. */
  readonly ratio: number;
}

/** Most lines of faults in a message. */
const MAX_LINES = 12;

/** Outcome of a check of a kernel. */
export class CheckReport {
  readonly kernel: string;
  /** Labels of the variants that were run. */
  readonly variants: readonly string[];
  /** Number of dispatches. */
  readonly numRuns: number;
  readonly faults: readonly KernelFault[];
  /** Found, but no fault by WGSL. */
  readonly warnings: readonly KernelFault[];
  /** The greatest error in parts of its bound; null where all outputs are exact or none is right. */
  readonly worst: WorstElement | null;
  /** Checks that were left out, and why. */
  readonly skipped: readonly string[];

  constructor(
    report: Pick<CheckReport, 'kernel' | 'variants' | 'numRuns' | 'faults' | 'warnings' | 'worst' | 'skipped'>,
  ) {
    this.kernel = report.kernel;
    this.variants = report.variants;
    this.numRuns = report.numRuns;
    this.faults = report.faults;
    this.warnings = report.warnings;
    this.worst = report.worst;
    this.skipped = report.skipped;
  }

  /** Tells whether there is no fault. */
  get passes(): boolean {
    return this.faults.length === 0;
  }

  /** Lines for a reader. */
  toString(): string {
    const { kernel, variants, numRuns, faults, warnings, worst, skipped } = this;
    const counted = `${count(variants.length, 'variant')}, ${count(numRuns, 'run')}`;
    const head = `${kernel}: ${faults.length === 0 ? 'right' : 'wrong'} (${counted})`;
    const lines = faults.slice(0, MAX_LINES).map(({ message }) => `  ${message}`);
    if (faults.length > MAX_LINES) lines.push(`  … and ${count(faults.length - MAX_LINES, 'more fault')}`);
    for (const { message } of warnings.slice(0, MAX_LINES)) lines.push(`  warning: ${message}`);
    if (worst !== null && faults.length === 0) {
      const { ratio, output, index } = worst;
      lines.push(`  worst: ${output}[${index.join(', ')}] with ${ratio.toPrecision(2)} of its bound`);
    }
    for (const reason of skipped) lines.push(`  left out: ${reason}`);
    return [head, ...lines].join('\n');
  }
}

/** A kernel is wrong; the message has a line for each fault. */
export class KernelCheckError extends RoseinferError {
  readonly report: CheckReport;

  constructor(report: CheckReport) {
    super(report.toString());
    this.report = report;
  }
}
