// Processes of a browser, which has none: checks that want one say why they were left out.
import type { DeviceOptions } from '../gpu/device-options.ts';
import { GpuError } from '../gpu/errors.ts';
import type { SizedRunner } from './job.ts';

/** @throws GpuError, always. */
export async function startProcess(
  _options: DeviceOptions,
  _env: Readonly<Record<string, string>>,
): Promise<SizedRunner> {
  throw new GpuError('device of another process', 'there are no processes in a browser');
}

/** Lanes of lavapipe's subgroups where nothing is set. */
export function ownLavapipeSize(): number {
  return 8;
}

/** There is no process to set anything for. */
export function lavapipeSettings(_size: number): Readonly<Record<string, string>> {
  return {};
}
