// Which faults a test found: the outcome of a run of mutants, for programs and for readers.

/** Mutant of a kernel, and whether the test found its fault. */
export interface JudgedMutant {
  /** Text with the fault, as errors of the shader name it: `source`, `module mine`, `shaders/matmul.wgsl`. */
  readonly file: string;
  /** Place of the fault, both from 1. */
  readonly line: number;
  readonly column: number;
  /** Kind of the fault, such as `bound ± 1`. */
  readonly operator: string;
  /** That line without and with the fault. */
  readonly before: string;
  readonly after: string;
  /** `invalid` ones do not compile, and do not count. */
  readonly state: 'killed' | 'survived' | 'invalid';
  /** Killed since the judge was not done in time. */
  readonly timedOut: boolean;
  /** First line of the judge's error, or ''. */
  readonly reason: string;
}

/** Outcome of `mutants`. */
export class MutantReport {
  /** Name of the kernel. */
  readonly kernel: string;
  readonly seed: number;
  /** Mutants that the operators make of the kernel, of which these are a sample. */
  readonly numPossible: number;
  /** In the order in which they were judged. */
  readonly mutants: readonly JudgedMutant[];

  /** @internal */
  constructor(kernel: string, seed: number, numPossible: number, mutants: readonly JudgedMutant[]) {
    this.kernel = kernel;
    this.seed = seed;
    this.numPossible = numPossible;
    this.mutants = mutants;
  }

  /** Mutants that the judge rejected or that it was not done with in time. */
  get killed(): JudgedMutant[] {
    return this.mutants.filter(({ state }) => state === 'killed');
  }

  /** Mutants that the judge accepted: of each, either its fault changes nothing, or the test does not look where it does. */
  get survived(): JudgedMutant[] {
    return this.mutants.filter(({ state }) => state === 'survived');
  }

  /** Mutants that do not compile. */
  get invalid(): JudgedMutant[] {
    return this.mutants.filter(({ state }) => state === 'invalid');
  }

  /** Share of the mutants that compile and were killed, in [0, 1]; 1 where none compiles. */
  get score(): number {
    const numCompiled = this.mutants.length - this.invalid.length;
    return numCompiled === 0 ? 1 : this.killed.length / numCompiled;
  }

  /** Writes the counts, then each survivor with its line before and after. */
  toString(): string {
    const { kernel, seed, mutants, killed, survived, invalid, numPossible } = this;
    const numTimedOut = killed.filter(({ timedOut }) => timedOut).length;
    const share = `${(100 * this.score).toFixed(1)} %`;
    const slow = numTimedOut > 0 ? `, ${numTimedOut} of them by the clock` : '';
    const broken = invalid.length > 0 ? `; ${invalid.length} did not compile` : '';
    return [
      `${kernel}: seed ${seed}, ${mutants.length} of ${numPossible} mutants`,
      `killed ${killed.length} of ${killed.length + survived.length} (${share})${slow}${broken}`,
      ...survived.flatMap(({ file, line, column, operator, before, after }) => [
        `survived: ${file}:${line}:${column}, ${operator}`,
        `  - ${before}`,
        `  + ${after}`,
      ]),
    ].join('\n');
  }
}
