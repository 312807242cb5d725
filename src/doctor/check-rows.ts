// Checks of the kernels that copy rows: embeddings and gathered rows, exact.
import type { Kernel } from '../gpu/kernel.ts';
import { modelVariants } from '../gpu/kernel-variants.ts';
import { expectedEmbed } from '../kernels/embed/expected.ts';
import { embedInputs, embedOperands } from '../kernels/embed/operands.ts';
import { expectedRows } from '../kernels/gather-rows/expected.ts';
import { gatherInputs, gatherOperands } from '../kernels/gather-rows/operands.ts';
import { weightConditions } from '../kernels/weights/weight-tiles.ts';
import { Judge, type KernelReport } from './judge.ts';
import type { Subject } from './subject.ts';
import { runOnce } from './tensors.ts';
import { lastRange } from './vocabulary.ts';

/** Token and position rows of ids at the ends of the bound range and of a tile, some from next_tokens. */
export async function checkEmbed(subject: Subject): Promise<KernelReport> {
  const { device, config, dtype } = subject;
  const { hiddenSize: C, numPositions } = config;
  const { first, size: N } = lastRange(subject);
  const inputs = embedInputs(1, { C, first, N, numPositions }, dtype);
  const operands = embedOperands(inputs);
  const kernel: Kernel = subject.kernels.embed;
  const judge = new Judge(kernel.name);
  const runs = modelVariants(kernel, device.traits, { conditions: weightConditions(dtype) }).map((variant) => ({
    variant,
    what: `${inputs.ids.length} tokens of ${C}`,
    run: () => runOnce(device, { kernel, ...operands, choice: variant.choice, output: 'out' }),
  }));
  await judge.check(runs, expectedEmbed(inputs));
  return judge.report();
}

/** Rows in no order, the first, the last and one of them twice. */
export async function checkGatherRows({ device, kernels, config }: Subject): Promise<KernelReport> {
  const C = config.hiddenSize;
  const kernel = kernels.gatherRows;
  const inputs = gatherInputs(1, C);
  const judge = new Judge(kernel.name);
  const runs = modelVariants(kernel, device.traits).map((variant) => ({
    variant,
    what: `${inputs.rows.length} of 9 rows of ${C}`,
    run: () => runOnce(device, { kernel, ...gatherOperands(inputs), choice: variant.choice, output: 'out' }),
  }));
  await judge.check(runs, expectedRows(inputs));
  return judge.report();
}
