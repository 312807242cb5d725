// `roseinfer doctor`: runs src/doctor at the shapes of a model and prints its reports. A wrong variant that the model does
// not take is reported, but does not fail the command.
import type { InferredOptionTypes } from 'yargs';
import type { KernelReport } from '../doctor/judge.ts';
import { describeMachine, type Machine } from '../doctor/machine.ts';
import { runDoctor } from '../doctor/run-doctor.ts';
import type { Subject } from '../doctor/subject.ts';
import { formatKernel, formatMachine, formatModel, TABLE_HEAD } from '../doctor/text-report.ts';
import { Device } from '../gpu/device.ts';
import type { ModelConfig } from '../models/config.ts';
import { modelKernels } from '../models/kernels.ts';
import { describeStorage } from '../models/weight-storage.ts';
import { deviceOptions, modelFlags, quietFlag, switchFlag } from '../terminal/flags.ts';
import { readModelShape } from '../terminal/model-shape.ts';
import { modelName } from '../terminal/open-model.ts';
import { StatusLine } from '../terminal/status-line.ts';
import { RoseinferError } from '../util/errors.ts';
import { defineCommand } from './command.ts';

/** The flags of `roseinfer doctor`. */
const doctorFlags = {
  ...modelFlags,
  json: { ...switchFlag('json'), describe: 'print one JSON object instead of text' },
  ...quietFlag,
};

/** Values of the flags of `roseinfer doctor`. */
type DoctorArgs = InferredOptionTypes<typeof doctorFlags>;

/** Error of kernels that give wrong results on this adapter. */
class DiagnosisError extends RoseinferError {}

/**
 * Prints what the machine offers, then checks the kernels of a model at its shapes on the adapter.
 *
 * @throws AdapterError when none answers; DiagnosisError when a kernel's base variant, or one that the model takes, is wrong.
 */
async function doctor(args: DoctorArgs, signal: AbortSignal): Promise<void> {
  using status = StatusLine.of(args);
  const machine = await describeMachine(deviceOptions(args));
  const print = args.json
    ? () => {}
    : (text: string) => {
        status.clear();
        console.log(text);
      };
  print(formatMachine(machine));
  if (args.json && machine.adapter === null) console.log(JSON.stringify(reportJson(machine, null, [])));
  using device = await Device.open(deviceOptions(args));
  const shape = await readModelShape(args.model, { dtype: args.dtype, kvDtype: args['kv-dtype'] });
  for (const notice of shape.notices) status.say(notice);
  print(`${formatModel(modelName(args.model), shape)}\n\n${TABLE_HEAD}`);
  status.show('checking kernels');
  const reports: KernelReport[] = [];
  for await (const report of runDoctor({ device, kernels: modelKernels, ...shape })) {
    signal.throwIfAborted();
    reports.push(report);
    print(formatKernel(report));
    status.show(`checking kernels: ${reports.length} done`);
  }
  status.clear();
  if (args.json) {
    const { model, storage, kvDtype } = shape;
    const dtype = describeStorage(model, storage);
    const examined = { name: modelName(args.model), config: model.config, dtype, kvDtype };
    console.log(JSON.stringify(reportJson(machine, examined, reports)));
  }
  const wrong = reports.filter(({ verdict }) => verdict === 'wrong').map(({ kernel }) => kernel);
  if (wrong.length > 0) throw new DiagnosisError(`wrong on ${device.identity.name}: ${wrong.join(', ')}`);
  print('\nall is well');
}

/** Model of a report. */
interface ExaminedModel extends Pick<Subject, 'kvDtype'> {
  readonly name: string;
  readonly config: ModelConfig;
  readonly dtype: string;
}

/** Makes the report of all findings; `avoid` lists the wrong variants. */
function reportJson(machine: Machine, model: ExaminedModel | null, kernels: readonly KernelReport[]) {
  const avoid = kernels.flatMap(({ faults }) => faults.map(({ variant }) => variant));
  return { schema: 'roseinfer-doctor-1', date: new Date().toISOString(), machine, model, kernels, avoid };
}

/** The command `roseinfer doctor`. */
export const doctorCommand = defineCommand({
  flags: doctorFlags,
  examples: [
    ['roseinfer doctor', 'at the shapes of the bundled model'],
    ['roseinfer doctor --model random:gpt2 --json', 'at those of another, for a bug report'],
  ],
  run: doctor,
});
