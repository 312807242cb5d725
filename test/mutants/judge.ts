// The child process of `JudgeProcess`: runs the tables of one shader after another, for a mutant may hang or crash the
// driver. It ends with its parent.
import { Device } from '../../src/gpu/device.ts';
import { DeviceLostError } from '../../src/gpu/errors.ts';
import { deviceFlags } from '../../src/terminal/flags.ts';
import { KernelCheckError } from '../../src/testing/check-report.ts';
import { RoseinferError } from '../../src/util/errors.ts';
import { withShader } from './replace.ts';
import { tablesOf } from './tables.ts';
import type { Verdict } from './verdict.ts';

const [, , word] = process.argv;
const reduction = word === undefined ? undefined : deviceFlags.reduction.coerce(word);

async function judge(shader: string, source: string): Promise<Verdict> {
  using device = await Device.open({ reduction });
  try {
    for (const check of tablesOf(shader)) await check(device, withShader(shader, source));
    return { state: 'survived', reason: '' };
  } catch (error) {
    const reason = String(error).split('\n', 1)[0] ?? '';
    // The library refuses what does not link or compile; the tables throw assertions, and checkKernel its findings.
    const isFinding = error instanceof DeviceLostError || error instanceof KernelCheckError;
    const refused = error instanceof RoseinferError && !isFinding;
    return { state: refused ? 'invalid' : 'killed', reason };
  }
}

process.on('disconnect', () => process.exit());
process.on('message', async ([shader, source]: [string, string]) => {
  process.send?.(await judge(shader, source));
});
