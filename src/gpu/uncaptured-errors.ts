// The errors that WebGPU reports as an event alone. Dawn raises them inside the call that is wrong, so those of a known
// call are thrown there; the others, of calls past `Device`, are thrown once, by the next call.
import { GpuError } from './errors.ts';

/** Errors of a device that no error scope caught. */
export class UncapturedErrors {
  /** Errors raised during the call that is running. */
  #raised: string[] | null = null;
  #unheard: string | null = null;
  #numUnheard = 0;

  readonly #gpu: GPUDevice;
  readonly #hear = (event: GPUUncapturedErrorEvent): void => {
    event.preventDefault();
    const { message } = event.error;
    if (this.#raised) {
      this.#raised.push(message);
      return;
    }
    this.#unheard ??= message;
    this.#numUnheard++;
  };

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
    gpu.addEventListener('uncapturederror', this.#hear);
  }

  /** Hears no more: the device may go on without this one. */
  close(): void {
    this.#gpu.removeEventListener('uncapturederror', this.#hear);
  }

  /** Runs calls. @throws GpuError with the first error that is raised meanwhile, whatever else they throw. */
  during<T>(label: string, calls: () => T): T {
    const outer = this.#raised;
    const raised: string[] = [];
    this.#raised = raised;
    try {
      const result = calls();
      if (raised[0] === undefined) return result;
    } catch (error) {
      if (raised[0] === undefined) throw error;
    } finally {
      this.#raised = outer;
    }
    throw new GpuError(label, raised[0], raised.length - 1);
  }

  /** @throws GpuError with the first error that was raised outside `during`, if there are any that were not thrown yet. */
  throwUnheard(): void {
    if (this.#unheard === null) return;
    const error = new GpuError('GPU', this.#unheard, this.#numUnheard - 1);
    this.#unheard = null;
    this.#numUnheard = 0;
    throw error;
  }
}
