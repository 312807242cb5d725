// One check of a kernel: its runs, and the faults that they show.
import { DeviceLostError } from '../gpu/errors.ts';
import type { TensorData } from '../gpu/tensor-data.ts';
import { RoseinferError } from '../util/errors.ts';
import type { ResolvedOptions } from './check-options.ts';
import { CheckReport, type FaultKind, type KernelFault, type WorstElement } from './check-report.ts';
import { type Expectations, type OutputExpectation, type Reference, resolveExpectations } from './expectations.ts';
import { broughtHere, type HostOperand } from './host-operands.ts';
import { variationsOf } from './input-variations.ts';
import { type LaneOrder, withLaneOrder } from './lane-orders.ts';
import { elementsOf, judgeBits, judgeGuards, judgeValues, type OutputRun, type RunLabel } from './output-judge.ts';
import { withPoisonedMemory } from './poisoned-memory.ts';
import type { TestBench, TestPlace } from './test-places.ts';
import { planFirst, planVariants, type Subject, type VariantPlan } from './variant-plan.ts';
import { type ShaderText, VariantRunner } from './variant-runner.ts';

/** Hints for bits that differ. */
const RACE = 'a race, such as a missing workgroupBarrier, or two lanes that write one element';
const OTHER_BITS = "a kernel whose variants sum in different orders declares bits: 'runs'";

/** Words of the outputs of a right run, by name. */
type RightWords = ReadonlyMap<string, Uint32Array>;

/** Check of one kernel on one device. */
export class CheckRun {
  readonly #subject: Subject;
  readonly #bench: TestBench;
  readonly #options: ResolvedOptions;
  readonly #outputs: readonly HostOperand[];
  readonly #expected: Map<string, OutputExpectation | null>;
  readonly #base: VariantPlan;
  readonly #faults: KernelFault[] = [];
  readonly #warnings: KernelFault[] = [];
  readonly #skipped = new Set<string>();
  readonly #variants = new Set<string>();
  /** Promise of the declaration. */
  readonly #bits: 'all' | 'runs' | 'none';
  readonly #runner: VariantRunner;
  #operands: readonly HostOperand[];
  #outputWords: RightWords = new Map();
  #worst: WorstElement | null = null;

  /** @throws KernelError for operands that the kernel does not accept; RangeValueError for expectations that don't fit. */
  constructor(subject: Subject, bench: TestBench, options: ResolvedOptions) {
    this.#subject = subject;
    this.#bench = bench;
    this.#options = options;
    this.#runner = new VariantRunner(subject.kernel.spec);
    this.#operands = subject.operands;
    this.#outputs = subject.operands.filter(({ written }) => written);
    this.#bits = subject.kernel.spec.bits ?? 'all';
    this.#base = planFirst(subject);
    this.#expected = this.#expectationsOf(subject.operands);
  }

  /**
   * Runs all that the options ask for.
   *
   * @throws ShaderError and GpuError when the base variant does not compile; DeviceLostError.
   */
  async report(): Promise<CheckReport> {
    const { own } = this.#bench;
    const { kernel } = this.#subject;
    const right = await this.#checkPlan(own, this.#base, null);
    await this.#checkVariants(own, right, [this.#base.label]);
    await this.#checkInputs();
    // Elsewhere a kernel that is wrong here shows the same faults again.
    const others = this.#faults.length === 0 ? await this.#otherPlaces() : [];
    if (others.length > 0) this.#operands = await Promise.all(this.#operands.map(broughtHere));
    await Promise.all(
      others.map(async (place) => {
        const { spec } = kernel;
        const refused = typeof place === 'string' ? place : spec.supports?.(this.#base.variant, place.traits);
        if (typeof place === 'string' || refused) this.#skipped.add(`${refused}`);
        else {
          await this.#checkPlan(place, this.#base, right);
          await this.#checkVariants(place, right, [this.#base.label]);
        }
      }),
    );
    return new CheckReport({
      kernel: kernel.name,
      variants: [...this.#variants],
      numRuns: this.#runner.numRuns,
      faults: this.#faults,
      warnings: this.#warnings,
      worst: this.#worst,
      skipped: [...this.#skipped],
    });
  }

  /** Elements of the outputs after the first run, once there is a report. */
  outputs(): Record<string, TensorData> {
    const found = this.#outputs.map((output) => {
      return [output.name, elementsOf(this.#outputWords.get(output.name) ?? new Uint32Array(), output)] as const;
    });
    return Object.fromEntries(found);
  }

  async #otherPlaces(): Promise<(TestPlace | string)[]> {
    const { subgroups, adapters } = this.#options;
    const sizes = subgroups === 'all' ? await this.#bench.otherSizes() : [];
    return [...sizes, ...(await this.#bench.adapters(adapters))];
  }

  #expectationsOf(operands: readonly HostOperand[]): Map<string, OutputExpectation | null> {
    const { expect, reference, limitOf } = this.#options;
    if (expect === null && reference === null) return new Map();
    const given = expect ?? this.#refer(reference, operands);
    const absolute = reference === null ? null : () => this.#refer(reference, operands.map(absoluteValues));
    return resolveExpectations(given, this.#outputs, limitOf, absolute);
  }

  #refer(reference: Reference | null, operands: readonly HostOperand[]): Expectations {
    const data = operands.flatMap(({ name, data }) => (data === null ? [] : [[name, data] as const]));
    return reference?.(Object.fromEntries(data), this.#base.dims) ?? {};
  }

  async #checkVariants(place: TestPlace, right: RightWords | null, known: readonly string[]): Promise<void> {
    for (const planned of planVariants(this.#subject, place, this.#options.variants, known)) {
      if ('error' in planned) this.#refuse({ variant: planned.label, circumstance: place.label }, planned.error);
      else await this.#checkPlan(place, planned, right);
    }
  }

  /**
   * Runs a variant in every order of lanes, and with poisoned memory.
   *
   * @param base words of the base variant; null for the base variant itself, and where that is wrong.
   * @returns the words of the first order where they are right.
   */
  async #checkPlan(place: TestPlace, plan: VariantPlan, base: RightWords | null): Promise<RightWords | null> {
    const { kernel, device } = this.#subject;
    const isBase = plan === this.#base;
    const isOwn = place.label === null;
    this.#variants.add(plan.label);
    let right: RightWords | null = null;
    try {
      // The author's own lines are in the error of a shader that does not compile.
      const built = isOwn ? await kernel.build(device, plan.variant) : undefined;
      const { wgsl } = await this.#bench.linked(kernel, plan.variant);
      let first: RightWords | null = null;
      for (const [order, text] of this.#textsOf(place, plan, wgsl)) {
        const label = { variant: plan.label, circumstance: circumstanceOf(place, order) };
        const isFirst = first === null;
        const ran = await this.#check(
          place,
          plan,
          { text, built: order === 'given' ? built : undefined },
          label,
          first,
        );
        if (isBase && isOwn && isFirst) this.#outputWords = ran.words;
        first ??= ran.words;
        if (!isFirst || !ran.isRight) continue;
        const reference = this.#bitsOf(place, isBase, isOwn, base, wgsl);
        const same = reference === null || this.#sameBits(label, 'variant', ran.words, reference, OTHER_BITS);
        if (same) right = ran.words;
      }
      if (isOwn && this.#options.workgroupMemory !== 'unchecked' && right !== null) {
        await this.#checkMemory(place, plan, wgsl, right);
      }
    } catch (error) {
      if (isBase && isOwn) throw error;
      this.#refuse({ variant: plan.label, circumstance: place.label }, error);
    }
    return right;
  }

  /** The base variant's words that a run must have, or null where bits may differ. */
  #bitsOf(
    place: TestPlace,
    isBase: boolean,
    isOwn: boolean,
    right: RightWords | null,
    wgsl: string,
  ): RightWords | null {
    if (!place.sameArithmetic || this.#bits === 'none' || (isBase && isOwn)) return null;
    if (this.#bits === 'runs' && !isBase) return null;
    // A base variant of subgroups promises nothing of their size.
    if (!isOwn && isBase && /\bsubgroup/.test(wgsl)) return null;
    return right;
  }

  #textsOf(place: TestPlace, plan: VariantPlan, wgsl: string): [LaneOrder, string][] {
    return this.#options.lanes.flatMap((order): [LaneOrder, string][] => {
      // Scattered ids tear subgroups of any size apart.
      if (order === 'scattered' && place.label !== null) return [];
      if (order === 'given') return [[order, wgsl]];
      const rewritten = withLaneOrder(plan.label, wgsl, order);
      if ('wgsl' in rewritten) return [[order, rewritten.wgsl]];
      this.#skipped.add(`${plan.label}, lanes ${order}: ${rewritten.skipped}`);
      return [];
    });
  }

  /**
   * Runs a text of a variant.
   *
   * @param other words of another order of lanes: equal bits are as right as those; null for the first order, which is compared with
   * the right values.
   */
  async #check(
    place: TestPlace,
    plan: VariantPlan,
    text: ShaderText,
    label: RunLabel,
    other: RightWords | null,
  ): Promise<{ readonly words: RightWords; readonly isRight: boolean }> {
    const { runs } = this.#options;
    const [first = [], ...others] = await this.#runner.run(place, plan, text, this.#operands, runs);
    const words = wordsByName(first);
    const faults = this.#faults.length;
    for (const output of first) {
      const guard = judgeGuards(label, output);
      if (guard !== null) this.#faults.push(guard);
      if (other === null || this.#bits === 'none') this.#judge(label, output);
    }
    if (this.#bits !== 'none') {
      for (const outputs of others) {
        if (!this.#sameBits(label, 'unrepeatable', wordsByName(outputs), words, `two runs differ: ${RACE}`)) break;
      }
      if (other !== null) this.#sameBits(label, 'lanes', words, other, `the order of lanes decides: ${RACE}`);
    }
    return { words, isRight: this.#faults.length === faults };
  }

  #judge(label: RunLabel, output: OutputRun): void {
    const expected = this.#expected.get(output.output.name);
    if (!expected) return;
    const { fault, worst } = judgeValues(label, output, expected);
    if (fault !== null) this.#faults.push(fault);
    if (worst !== null && worst.ratio > (this.#worst?.ratio ?? 0)) this.#worst = worst;
  }

  /** Compares bits, and notes the first output in which they differ. */
  #sameBits(
    label: RunLabel,
    kind: FaultKind,
    words: RightWords,
    reference: RightWords,
    what: string,
    faults: KernelFault[] = this.#faults,
  ): boolean {
    for (const output of this.#outputs) {
      const run = { output, guarded: new Uint32Array(), words: words.get(output.name) ?? new Uint32Array() };
      const fault = judgeBits(label, kind, run, reference.get(output.name) ?? new Uint32Array(), what);
      if (fault === null) continue;
      faults.push(fault);
      return false;
    }
    return true;
  }

  async #checkMemory(place: TestPlace, plan: VariantPlan, wgsl: string, right: RightWords): Promise<void> {
    const poisoned = withPoisonedMemory(plan.label, wgsl);
    if (poisoned === null) return;
    if ('skipped' in poisoned) {
      this.#skipped.add(`${plan.label}, garbage in workgroup memory: ${poisoned.skipped}`);
      return;
    }
    const label = { variant: plan.label, circumstance: 'garbage in workgroup memory' };
    const [first = []] = await this.#runner.run(place, plan, { text: poisoned.wgsl }, this.#operands, 1);
    const what =
      'the shader reads workgroup memory that it has not written; WGSL zeroes it, an adapter without zeroing does not';
    const list = this.#options.workgroupMemory === 'fault' ? this.#faults : this.#warnings;
    this.#sameBits(label, 'workgroup-memory', wordsByName(first), right, what, list);
  }

  /** Runs the base variant on variations of the inputs. */
  async #checkInputs(): Promise<void> {
    const { inputs, reference } = this.#options;
    if (reference === null || inputs === 'given' || this.#faults.length > 0) return;
    const { own } = this.#bench;
    const { kernel, device } = this.#subject;
    const { wgsl } = await this.#bench.linked(kernel, this.#base.variant);
    const built = await kernel.build(device, this.#base.variant);
    for (const { label, variation, operands } of variationsOf(this.#operands, inputs)) {
      let expected: ReadonlyMap<string, OutputExpectation | null>;
      try {
        expected = this.#expectationsOf(operands);
      } catch (error) {
        this.#skipped.add(`${label}: the reference throws ${error instanceof Error ? error.message : String(error)}`);
        continue;
      }
      const [first = []] = await this.#runner.run(own, this.#base, { text: wgsl, built }, operands, 1);
      const run = { variant: this.#base.label, circumstance: label };
      for (const output of first) {
        const guard = judgeGuards(run, output);
        const right = expected.get(output.output.name);
        const isInteger = output.output.dtype === 'i32' || output.output.dtype === 'u32';
        const judged = right && !(variation === 'nan' && isInteger);
        const values = judged ? judgeValues(run, output, right, variation === 'nan' ? 'nan' : 'yes') : null;
        for (const fault of [guard, values?.fault ?? null]) if (fault !== null) this.#faults.push(fault);
      }
    }
  }

  #refuse(label: RunLabel, error: unknown): void {
    if (error instanceof DeviceLostError || !(error instanceof RoseinferError)) throw error;
    const where = label.circumstance === null ? label.variant : `${label.variant}, ${label.circumstance}`;
    this.#faults.push({
      ...label,
      kind: 'refused',
      output: null,
      index: null,
      got: null,
      want: null,
      excess: null,
      numWrong: 0,
      message: `${where}: ${error.message}`,
    });
  }
}

function circumstanceOf({ label }: TestPlace, order: LaneOrder): string | null {
  const parts = [...(order === 'given' ? [] : [`lanes ${order}`]), ...(label === null ? [] : [label])];
  return parts.length === 0 ? null : parts.join(', ');
}

function wordsByName(outputs: readonly OutputRun[]): RightWords {
  return new Map(outputs.map(({ output, words }) => [output.name, words]));
}

function absoluteValues(operand: HostOperand): HostOperand {
  const { data } = operand;
  const isFloat = data instanceof Float32Array || data instanceof Float16Array;
  return isFloat ? { ...operand, data: data.map(Math.abs) } : operand;
}
