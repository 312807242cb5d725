// Verdict on a run of a server: numbers count only where every request was answered, and every prompt computed.
import type { ServingArgs } from './args.ts';
import { unprovenPrefill } from './computed-prefill.ts';
import type { ServingReport } from './report.ts';
import type { ServingRun } from './run-serving.ts';

/** Lists what keeps the numbers of a run from counting, a phrase each; nothing for a sound run. Refusals are part of a load. */
export function judgeServing(
  { requests }: ServingRun,
  { prefill, load }: ServingReport,
  args: Pick<ServingArgs, 'endpoint' | 'prefix-cache'>,
): readonly string[] {
  const problems = requests.flatMap(({ completion, sentIds }, index) => {
    const { fault, usage } = completion;
    if (fault !== null) return fault.isRefusal ? [] : [`request ${index} failed: ${fault.message}`];
    const counted = usage?.prompt ?? 0;
    if (sentIds === null || counted >= sentIds) return [];
    return [`request ${index} has ${counted} tokens of its prompt computed, expected ${sentIds}: the server cut it`];
  });
  if (load.completed === 0) return problems.length > 0 ? problems : ['no request was answered'];
  const unproven = args['prefix-cache']
    ? null
    : unprovenPrefill(prefill, { numRequests: load.completed, endpoint: args.endpoint });
  return unproven === null ? problems : [...problems, unproven];
}
