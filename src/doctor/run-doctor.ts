// The doctor's one loop: every case of every kernel of a model, in its variants.
import type { Device } from '../gpu/device.ts';
import { allVariants, modelVariants } from '../gpu/kernel-variants.ts';
import type { CaseRun, ExaminedCase, Launch } from '../kernels/examination.ts';
import { examinations } from '../kernels/examinations.ts';
import type { Expected } from '../kernels/kernel-case.ts';
import { Judge, type KernelReport, type PlannedRun } from './judge.ts';
import { launcher } from './launcher.ts';
import { type Subject, workOf } from './subject.ts';

/**
 * Checks every kernel of the model at its shapes against float64, and its variants against each other bit by bit; yields
 * a report of each, in the order of a step.
 *
 * @param variants `base` for the base variant of each kernel alone.
 * @throws DeviceLostError.
 */
export async function* runDoctor(
  subject: Subject,
  variants: 'all' | 'base' = 'all',
): AsyncGenerator<KernelReport, void> {
  const { device } = subject;
  const bits = new WeakMap<Expected, Uint32Array>();
  for (const { name, cases } of examinations(workOf(subject))) {
    const judge = new Judge(name);
    for (const examined of cases) {
      using owned = new DisposableStack();
      const runs = plannedRuns(device, examined, launcher(device, owned), variants);
      const { expected } = examined;
      const words = await judge.check(runs, expected, bits.get(expected));
      if (words !== null && !bits.has(expected)) bits.set(expected, words);
    }
    yield judge.report();
  }
}

/** The whole case in every variant, then its parts in the base variant and those of the model. */
function plannedRuns(device: Device, examined: ExaminedCase, launch: Launch, wanted: 'all' | 'base'): PlannedRun[] {
  const { kernel, fixed, model, whole, parts = [] } = examined;
  const list = examined.variants === 'all' ? allVariants : modelVariants;
  const variants = list(kernel, device.traits, fixed, model).filter(({ isBase }) => isBase || wanted === 'all');
  const inVariants = (run: CaseRun, some: typeof variants) =>
    some.map((variant): PlannedRun => ({ ...run, variant, run: () => run.run(launch, variant.choice) }));
  const mustWork = variants.filter(({ isBase, usedByModel }) => isBase || usedByModel);
  return [...inVariants(whole, variants), ...parts.flatMap((part) => inVariants(part, mustWork))];
}
