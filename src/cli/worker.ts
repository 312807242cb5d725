// `roseinfer worker`: answers the jobs that `roseinfer batch --queue` puts into a queue, until a signal ends it.
import type { InferredOptionTypes } from 'yargs';
import { quietFlag } from '../terminal/flags.ts';
import { STOPPED } from '../terminal/run-command.ts';
import { StatusLine } from '../terminal/status-line.ts';
import { count } from '../util/count.ts';
import { EngineAnswers } from './batch/engine-answers.ts';
import { engineFlags } from './batch/engine-flags.ts';
import { defineCommand } from './command.ts';
import { openQueue } from './queue/open-queue.ts';
import { queueFlags } from './queue/queue-flags.ts';
import { runWorker } from './queue/run-worker.ts';
import { answerRoll } from './queue/worker-roll.ts';

/** The flags of `roseinfer worker`. */
const workerFlags = {
  ...queueFlags,
  queue: { ...queueFlags.queue, demandOption: true as const },
  ...engineFlags,
  ...quietFlag,
};

/** Values of the flags of `roseinfer worker`. */
type WorkerArgs = InferredOptionTypes<typeof workerFlags>;

/**
 * Answers jobs. A signal lets those under way finish; a second one ends the process at once, and others get them.
 *
 * @throws QueueError for a queue that can't be reached or used; what `loadModel` throws.
 */
async function worker(args: WorkerArgs, signal: AbortSignal): Promise<typeof STOPPED> {
  using status = StatusLine.of(args);
  const say = (line: string) => status.say(line);
  await using queue = await openQueue(args.queue, {
    creds: args.creds,
    ca: args['queue-ca'],
    signal,
    onNotice: say,
  });
  await using answers = await EngineAnswers.open(args, { signal, status });
  const { model: name, fingerprint } = answers.source;
  const roll = answerRoll(queue, fingerprint);
  say(`working for ${args.queue.label} · ${name} · ${fingerprint}`);
  const counts = { numLines: 0, numErrors: 0, numTokens: 0 };
  const describe = () =>
    `${count(counts.numLines, 'line')} · ${counts.numErrors} with errors · ${count(counts.numTokens, 'token')}`;
  try {
    await runWorker({ queue, answers, signal, counts, onLine: () => status.show(describe()) });
  } finally {
    roll.unsubscribe();
    say(describe());
  }
  return STOPPED;
}

/** The command `roseinfer worker`. */
export const workerCommand = defineCommand({
  flags: workerFlags,
  examples: [
    ['roseinfer worker --queue nats://queue:4222', 'answers what roseinfer batch --queue nats://queue:4222 asks'],
    ['roseinfer worker --queue tls://queue/nightly --creds worker.creds --model DIR', 'a queue of its own, with a key'],
  ],
  run: worker,
});
