// A connection to a queue, whose client is loaded where one is opened: the other commands start without it.
import type { AccessFiles } from './queue-access.ts';
import type { QueueAddress } from './queue-address.ts';
import type { QueueConnection, QueueOptions } from './queue-connection.ts';

/** Options of a queue that a command opens. */
interface OpenQueueOptions extends AccessFiles, Pick<QueueOptions, 'onNotice'> {
  readonly signal: AbortSignal;
}

/** Connects to a queue. @throws QueueError; InputFileError; the signal's reason. */
export async function openQueue(
  address: QueueAddress,
  { signal, onNotice, ...files }: OpenQueueOptions,
): Promise<QueueConnection> {
  const { readAccess } = await import('./queue-access.ts');
  const access = await readAccess(files, signal);
  const client = await import('./queue-connection.ts');
  return await client.QueueConnection.open(address, { access, onNotice });
}
