// Runs of a kernel's variants as jobs, and the contents of its outputs after each.
import type { BuiltKernel } from '../gpu/compile-kernel.ts';
import type { KernelSpec } from '../gpu/kernel-spec.ts';
import type { HostOperand } from './host-operands.ts';
import type { Job } from './job.ts';
import type { OutputRun } from './output-judge.ts';
import { lengthsAsked, outputWords, placed } from './placement.ts';
import type { TestPlace } from './test-places.ts';
import type { VariantPlan } from './variant-plan.ts';

/** A linked shader's text, and its pipeline where it is compiled. */
export interface ShaderText {
  readonly text: string;
  readonly built?: BuiltKernel | undefined;
}

/** Runner of a kernel's variants. */
export class VariantRunner {
  readonly #spec: KernelSpec;
  #numRuns = 0;

  constructor(spec: KernelSpec) {
    this.#spec = spec;
  }

  /** Dispatches so far. */
  get numRuns(): number {
    return this.#numRuns;
  }

  /** Runs a text of a variant on fresh operands, and returns the outputs of each run. @throws as `JobRunner.run`. */
  async run(
    place: TestPlace,
    { variant, grid, params }: VariantPlan,
    { text, built }: ShaderText,
    operands: readonly HostOperand[],
    runs: number,
  ): Promise<OutputRun[][]> {
    const exact = lengthsAsked(text);
    const buffers = operands.map((operand) => placed(operand, exact === null || exact.has(operand.name)));
    const job: Job = { spec: plainSpec(this.#spec), variant, wgsl: text, grid, params, buffers, runs };
    this.#numRuns += runs;
    const results = await place.runner.run(job, built);
    const outputs = operands.filter(({ written }) => written);
    return results.map((contents) =>
      contents.map((guarded, i) => ({ output: outputs[i]!, guarded, words: outputWords(guarded) })),
    );
  }
}

/** The parts of a declaration that another process can be sent. */
function plainSpec({ name, params, bindings }: KernelSpec): Job['spec'] {
  const plain = Object.entries(bindings).map(([binding, { access }]) => [binding, { access }]);
  return { name, bindings: Object.fromEntries(plain), ...(params && { params }) };
}
