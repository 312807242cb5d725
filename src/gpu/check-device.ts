// The device of a call as a JavaScript caller may hand it in: that of a forgotten `await` is a promise.
import { RangeValueError } from '../util/errors.ts';
import type { Device } from './device.ts';

/** Checks that a value is a device. @throws RangeValueError for anything else. */
export function checkDevice(device: Device): void {
  if (device?.gpu !== undefined) return;
  const isPromise = Object(device) instanceof Promise;
  throw new RangeValueError(
    'device',
    device,
    isPromise ? 'what it resolves to: await openDevice()' : 'what openDevice opens',
  );
}
