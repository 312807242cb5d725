// Delivery of a computed id to its request: text, stop strings and the end of it.
import type { SchedulerRow } from '../core/scheduler-output.ts';
import type { Scheduler, SequenceUpdate } from '../scheduler/scheduler.ts';
import { messageOf } from '../util/message-of.ts';
import type { LiveRequest } from './live-request.ts';
import type { LiveRequests } from './live-requests.ts';
import type { StepOutcome } from './run-step.ts';

/** Error of a request that sampled an id which its constraint does not allow: the model gives none that it does. */
const NOTHING_LEFT = 'none of the ids that the constraint allows can be sampled';

/** Requests and scheduler of an engine. */
export interface DeliveryContext {
  readonly live: LiveRequests;
  readonly scheduler: Scheduler;
}

/** Delivers all that a step gave, and ends the requests that are done with it; all rows of one that failed. */
export function deliverStep(context: DeliveryContext, rows: readonly SchedulerRow[], outcome: StepOutcome): void {
  const { live, scheduler } = context;
  const { time, error } = outcome;
  if (error !== null) {
    for (const sequence of scheduler.fail(rows)) live.end(sequence, { finishReason: 'error', time, error });
    return;
  }
  for (const update of scheduler.update(outcome.sampled, outcome.result, outcome)) {
    const request = live.of(update.sequence);
    if (request !== undefined) deliver(context, request, update, time);
  }
}

/** Gives an id or an embedding to its request at `time`, and ends the request where the id does, or where its reader has stopped reading. */
function deliver(
  { live, scheduler }: DeliveryContext,
  request: LiveRequest,
  { sequence, id, brokenAt, logprobs, embedding, finishReason }: SequenceUpdate,
  time: number,
): void {
  if (brokenAt !== null) {
    const values = sequence.pooling === null ? `logits for position ${brokenAt}` : 'hidden states of the prompt';
    live.end(sequence, { finishReason: 'error', time, error: `${values} are not finite` });
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
  if (embedding !== null) request.receiveEmbedding(embedding);
  if (finishReason === 'error') live.end(sequence, { finishReason, time, error: NOTHING_LEFT });
  else if (finishReason !== null) live.end(sequence, { finishReason, time, error: null });
  else if (request.overrun !== null) live.abort(request, request.overrun);
  else if (id !== null) sequence.constraint?.accept(id);
}
