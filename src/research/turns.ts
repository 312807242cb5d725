// Turns of a model's calls, which share its cache and scratch tensors: each runs once those before it have settled.
import type { Device } from '../gpu/device.ts';
import { GpuError, KernelError, TensorError } from '../gpu/errors.ts';
import { RoseinferError } from '../util/errors.ts';

/** Queue of calls, until the model is closed. */
export class Turns {
  readonly #device: Device;
  #isClosed = false;
  /** True while a function of an edit is on the stack. */
  #isEditing = false;
  /** Settles when the calls so far have. */
  #idle: Promise<unknown> = Promise.resolve();

  constructor(device: Device) {
    this.#device = device;
  }

  /**
   * Runs a call when its turn comes.
   *
   * @throws RoseinferError after `close`, and in the function of an edit; what the call throws.
   */
  take<T>(call: () => Promise<T>): Promise<T> {
    return this.guard(() => {
      const result = this.#idle.then(() => {
        if (this.#isClosed)
          throw new RoseinferError('the model was closed, expected an open one; loadTextModel opens one');
        return call();
      });
      this.#idle = result.catch(() => {});
      return result;
    });
  }

  /**
   * Makes a call that waits for a turn, and says so where it fails since the model or its device was closed meanwhile.
   *
   * @throws RoseinferError as `take`; DeviceLostError.
   */
  async guard<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isEditing) {
      const mend = 'call it before the pass, or run the edit on what a tap gives';
      throw new RoseinferError(
        `the model was called by the run of an edit, for which it waits, expected no call: ${mend}`,
      );
    }
    try {
      return await call();
    } catch (error) {
      const isOfClose = error instanceof TensorError || error instanceof KernelError || error instanceof GpuError;
      if (!isOfClose) throw error;
      if (!this.#isClosed) {
        throw this.#device.loss ?? error;
      }
      throw new RoseinferError('the model was closed during a call, expected an open one until it is done', {
        cause: error,
      });
    }
  }

  /** Calls the function of an edit. A call of the model in it would wait for itself: `take` refuses those made before it first waits. */
  callEdit<T>(edit: () => T): T {
    this.#isEditing = true;
    try {
      return edit();
    } finally {
      this.#isEditing = false;
    }
  }

  /** Refuses calls from now on; idempotent. */
  close(): void {
    this.#isClosed = true;
  }
}
