// Errors of devices, tensors and kernels: each names the thing first, then what it got and what it expected.
import { RoseinferError } from '../util/errors.ts';

/** No adapter answered, or none of the given name. */
export class AdapterError extends RoseinferError {
  readonly tried: readonly string[];

  constructor(message: string, tried: readonly string[]) {
    super(message);
    this.tried = tried;
  }
}

/** A feature or limit was required that the adapter, or the device that was handed in, does not have. */
export class RequirementError extends RoseinferError {
  /** Name of the feature or limit. */
  readonly requirement: string;
  /** True for a feature. */
  readonly required: number | true;
  /** False for a feature. */
  readonly available: number | false;

  constructor(message: string, requirement: string, required: number | true, available: number | false) {
    super(message);
    this.requirement = requirement;
    this.required = required;
    this.available = available;
  }
}

/** Loss of the device (driver reset, unplugged, or closed); nothing on it can be read back any more. */
export class DeviceLostError extends RoseinferError {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(`the GPU device was lost (${reason}): ${message || 'no reason given by the driver'}`);
    this.reason = reason;
  }
}

/** Error of the driver or of Dawn that WebGPU itself would only have logged. */
export class GpuError extends RoseinferError {
  readonly label: string;
  /** Errors that came with it. */
  readonly numOthers: number;

  constructor(label: string, message: string, numOthers = 0) {
    const others = numOthers > 0 ? ` (and ${numOthers} more)` : '';
    super(`${label}: ${message.split('\n', 1)[0]}${others}`, { cause: message });
    this.label = label;
    this.numOthers = numOthers;
  }
}

/** A tensor or packed matrix was made, written or read in a way that its shape, its element type or its life does not allow. */
export class TensorError extends RoseinferError {
  /** Its label. */
  readonly tensor: string;

  constructor(tensor: string, message: string) {
    super(`${tensor}: ${message}`);
    this.tensor = tensor;
  }
}

/** A kernel was declared, built or called in a way that its spec or the adapter does not allow. */
export class KernelError extends RoseinferError {
  readonly kernel: string;

  constructor(kernel: string, message: string) {
    super(`${kernel}: ${message}`);
    this.kernel = kernel;
  }
}
