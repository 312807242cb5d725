// Bounds of connections, all and by address: one client can't take every place.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Most connections. */
export interface ConnectionBounds {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

/** Counts the connections of a server and closes those beyond its bounds at once. */
export class Connections {
  readonly #byAddress = new Map<string, number>();
  readonly #maxPerAddress: number;

  constructor(server: Server, { maxConnections, maxConnectionsPerAddress }: ConnectionBounds) {
    this.#maxPerAddress = maxConnectionsPerAddress;
    server.maxConnections = maxConnections;
    server.on('connection', (socket) => this.#add(socket));
  }

  /** Connections now. */
  get size(): number {
    return this.#byAddress.values().reduce((sum, count) => sum + count, 0);
  }

  #add(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const count = (this.#byAddress.get(address) ?? 0) + 1;
    if (count > this.#maxPerAddress) {
      socket.destroy();
      return;
    }
    this.#byAddress.set(address, count);
    socket.once('close', () => this.#remove(address));
  }

  #remove(address: string): void {
    const count = (this.#byAddress.get(address) ?? 1) - 1;
    if (count === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, count);
  }
}
