// Delivery of a computed id to its request: text, stop strings and the end of it.
import type { Scheduler, SequenceUpdate } from '../scheduler/scheduler.ts';
import type { LiveRequest } from './live-request.ts';
import type { LiveRequests } from './live-requests.ts';
import { messageOf } from './message-of.ts';

/** Requests and scheduler of an engine. */
export interface DeliveryContext {
  readonly live: LiveRequests;
  readonly scheduler: Scheduler;
}

/** Gives an id to its request at `time`, and ends the request where the id does. */
export function deliver(
  { live, scheduler }: DeliveryContext,
  request: LiveRequest,
  { sequence, id, brokenAt, logprobs, finishReason }: SequenceUpdate,
  time: number,
): void {
  if (brokenAt !== null) {
    live.end(sequence, { finishReason: 'error', time, error: `logits for position ${brokenAt} are not finite` });
    return;
  }
  try {
    if (id !== null && request.receive(id, time, logprobs)) {
      scheduler.abort(sequence, 'stop');
      live.end(sequence, { finishReason: 'stop', time, error: null });
      return;
    }
  } catch (error) {
    live.stop(request, 'error', messageOf(error)); // its text can't be made; the others go on
    return;
  }
  if (finishReason !== null) live.end(sequence, { finishReason, time, error: null });
}
