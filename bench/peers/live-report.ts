// Report of a comparison while it runs: each row is printed and saved when it is known, so that an interruption or a
// crash loses no measurement.
import type { Comparison, Finding, Setup } from './comparison.ts';
import { DECODE_HEAD, type Findings, formatDecode, formatMatmul, formatProblem, MATMUL_HEAD } from './report.ts';

/** Comparison, as far as a report reads it. */
export type Reported = Findings & Pick<Comparison, 'setup'>;

/** Callbacks of a live report. */
export interface LiveReportOptions {
  readonly print: (text: string) => void;
  /** Makes the first line. */
  readonly describe: (setup: Setup) => string;
  /** Writes all findings until then. */
  readonly save: (comparison: Reported) => Promise<void>;
}

/** Printer of findings, as rows below the head of their table; saves after each. */
export class LiveReport {
  readonly #options: LiveReportOptions;
  #isDescribed = false;
  /** Lines before the next head. */
  #title: readonly string[] = [''];
  /** Table whose rows follow without another head. */
  #table: 'decode' | 'matmul' | null = null;

  constructor(options: LiveReportOptions) {
    this.#options = options;
  }

  /** Begins new tables, below a title. */
  begin(title: string): void {
    this.#table = null;
    this.#title = ['', title];
  }

  /** Prints a finding and saves the comparison. @throws what saving throws. */
  async take(finding: Finding, comparison: Reported): Promise<void> {
    const { print, save } = this.#options;
    for (const line of this.#linesOf(finding, comparison)) print(line);
    await save(comparison);
  }

  #linesOf(finding: Finding, findings: Findings): readonly string[] {
    const [decode = [], matmul = []] = [findings.decode.get('roseinfer'), findings.matmul.get('roseinfer')];
    switch (finding.kind) {
      case 'setup': {
        const lines = this.#isDescribed ? [] : [this.#options.describe(finding.setup)];
        this.#isDescribed = true;
        return lines;
      }
      case 'problem':
        return [formatProblem(finding.engine, finding.problem)];
      case 'decode':
        return [...this.#head('decode', DECODE_HEAD), ...formatDecode(finding.engine, [finding.result], decode)];
      case 'matmul':
        return [...this.#head('matmul', MATMUL_HEAD), ...formatMatmul(finding.engine, [finding.result], matmul)];
    }
  }

  /** Makes the head of a table, unless its rows just continue. */
  #head(table: 'decode' | 'matmul', head: string): readonly string[] {
    if (this.#table === table) return [];
    const title = this.#title;
    [this.#table, this.#title] = [table, ['']];
    return [...title, head];
  }
}
