import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A connection through the proxy. */
export interface ProxiedConnection {
  readonly client: Socket;
  readonly server: Socket;
}

/** How one connection's bytes go on; without hooks they go on as they came. */
export interface ConnectionHooks {
  readonly fromClient?: (bytes: Buffer, connection: ProxiedConnection) => void;
  readonly fromServer?: (bytes: Buffer, connection: ProxiedConnection) => void;
}

/** A TCP proxy on the loopback that breaks connections in the ways that networks do. */
export interface TcpProxy {
  readonly port: number;
  /** How many connections are open through it. */
  open(): number;
  /** Cuts connections with a RST on both sides: all, or those that `chosen` takes. @returns how many */
  reset(chosen?: () => boolean): number;
  /** What is open gets no answer and no RST from now on, as when a firewall forgets it; new connections are accepted and hear nothing until `pass`. */
  blackHole(): void;
  /** Lets new connections through again. What fell into the black hole stays there, unless it is `healed`. */
  pass(how?: { readonly healed: boolean }): void;
  /** How many connections it accepted in all. */
  accepted(): number;
  close(): Promise<void>;
}

interface Held extends ProxiedConnection {
  swallowed: boolean;
  reset(): void;
  pause(): void;
  resume(): void;
}

/** Opens a proxy to an address. @param hooks made for each connection, to look at its bytes or to keep them back */
export async function openTcpProxy(target: { readonly host: string; readonly port: number }, hooks: () => ConnectionHooks = () => ({})): Promise<TcpProxy> {
  const held = new Set<Held>();
  let accepted = 0;
  let dark = false;

  const server: Server = createServer({ noDelay: true }, (client) => {
    accepted++;
    const upstream = connect({ ...target, noDelay: true });
    const { fromClient, fromServer } = hooks();
    const connection: Held = {
      client, server: upstream, swallowed: false,
      reset: () => {
        client.resetAndDestroy();
        upstream.resetAndDestroy();
      },
      pause: () => {
        connection.swallowed = true;
        client.pause();
        upstream.pause();
      },
      resume: () => {
        connection.swallowed = false;
        client.resume();
        upstream.resume();
      },
    };
    held.add(connection);
    client.on('data', (bytes) => (fromClient ? fromClient(bytes, connection) : upstream.write(bytes)));
    upstream.on('data', (bytes) => (fromServer ? fromServer(bytes, connection) : client.write(bytes)));
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
      one.on('error', () => other.resetAndDestroy());
      one.on('end', () => void other.end());
      one.on('close', () => {
        other.destroy();
        held.delete(connection);
      });
    }
    if (dark) connection.pause();
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));

  return {
    port: (server.address() as AddressInfo).port,
    open: () => held.size,
    reset: (chosen = () => true) => {
      const hit = [...held].filter(chosen);
      for (const connection of hit) connection.reset();
      return hit.length;
    },
    blackHole: () => {
      dark = true;
      for (const connection of held) connection.pause();
    },
    pass: ({ healed } = { healed: false }) => {
      dark = false;
      if (healed) for (const connection of held) connection.resume();
    },
    accepted: () => accepted,
    close: async () => {
      for (const connection of held) connection.reset();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The same URL by way of a proxy. */
export function throughProxy(url: string, { port }: Pick<TcpProxy, 'port'>): string {
  const proxied = new URL(url);
  proxied.hostname = '127.0.0.1';
  proxied.port = String(port);
  return proxied.href;
}
