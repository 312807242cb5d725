// Listening: an address that can't be had is named by its flags, and before a model is loaded for nothing.
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { RoseinferError } from '../util/errors.ts';

/** Where a server listens; port 0 takes a free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** An address at which a server can't listen. */
export class ListenError extends RoseinferError {
  readonly host: string;
  readonly port: number;
  /** The system's name of the fault, such as `EADDRINUSE`. */
  readonly code: string;

  constructor({ host, port }: ListenAddress, cause: NodeJS.ErrnoException) {
    const code = cause.code ?? cause.message;
    super(`${describe(code, { host: JSON.stringify(host), port })} (${code})`, { cause });
    this.host = host;
    this.port = port;
    this.code = code;
  }
}

function describe(code: string, { host, port }: ListenAddress): string {
  switch (code) {
    case 'EADDRINUSE':
      return `--port is ${port}, at which another process listens, expected a free one, or 0 for any`;
    case 'EACCES':
      return `--port is ${port}, which needs rights, expected one of 1024 or above`;
    default:
      return `--host is ${host}, at which this machine can't listen, expected an address of its own`;
  }
}

/** Lets a server listen. @throws ListenError */
export async function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (cause) {
    if (cause instanceof Error) throw new ListenError({ host, port }, cause);
    throw cause;
  }
}

/** Tries an address. @throws ListenError */
export async function checkCanListen(address: ListenAddress): Promise<void> {
  const server = createServer();
  await listen(server, address);
  await new Promise((resolve) => server.close(resolve));
}
