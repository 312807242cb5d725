// A connection to a queue, whose client is loaded where one is opened: the other commands start without it.
import type { QueueAddress } from './queue-address.ts';
import type { QueueConnection, QueueOptions } from './queue-connection.ts';

/** Connects to a queue. @throws QueueError */
export async function openQueue(address: QueueAddress, options: QueueOptions): Promise<QueueConnection> {
  const client = await import('./queue-connection.ts');
  return await client.QueueConnection.open(address, options);
}
