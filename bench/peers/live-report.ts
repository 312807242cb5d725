// What a comparison prints and saves as it goes: a row once it is known, so that an interruption or a crash costs what was
// not measured and nothing else.
import type { Comparison, Finding, Setup } from './comparison.ts';
import { DECODE_HEAD, type Findings, formatDecode, formatMatmul, formatProblem, MATMUL_HEAD } from './report.ts';

/** What is looked at of a comparison. */
export type Reported = Findings & Pick<Comparison, 'setup'>;

export interface LiveReportOptions {
  readonly print: (text: string) => void;
  /** Makes the first line, once it is known where roseinfer runs. */
  readonly describe: (setup: Setup) => string;
  /** Writes all that has been found. */
  readonly save: (comparison: Reported) => Promise<void>;
}

/** Prints findings as rows under the head of their table, and saves after each. */
export class LiveReport {
  readonly #options: LiveReportOptions;
  #isDescribed = false;
  /** Lines before the next head. */
  #title: readonly string[] = [''];
  /** Whose rows come without another head. */
  #table: 'decode' | 'matmul' | null = null;

  constructor(options: LiveReportOptions) {
    this.#options = options;
  }

  /** Begins tables anew, under a title. */
  begin(title: string): void {
    this.#table = null;
    this.#title = ['', title];
  }

  /** Prints what has been found and saves it. @throws what saving throws. */
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

  /** The head of a table whose rows do not follow on. */
  #head(table: 'decode' | 'matmul', head: string): readonly string[] {
    if (this.#table === table) return [];
    const title = this.#title;
    [this.#table, this.#title] = [table, ['']];
    return [...title, head];
  }
}
