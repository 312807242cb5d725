// Calls that are made at once: the host prepares one while the GPU runs another.

/** Waits for all calls, so that none is left running. @throws the error of the first one in their order that failed. */
export async function runAll(calls: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(calls);
  const failed = settled.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
