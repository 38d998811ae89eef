import { connect, type Socket } from 'node:net';

/** Sends bytes to a TCP port and gives the first bytes of the answer; undefined when there is none in time. */
export function ask(host: string, port: number, question: Buffer, timeoutMs = 2_000): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ host, port });
    const settle = (answer: Buffer | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => {
      settle(undefined);
    });
    socket.once('error', () => {
      settle(undefined);
    });
    socket.once('close', () => {
      settle(undefined);
    });
    socket.once('connect', () => socket.write(question));
    socket.once('data', (data) => {
      settle(data);
    });
  });
}

/** Whether anything accepts a connection there. */
export function accepts(host: string, port: number, timeoutMs = 3_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => {
      settle(false);
    });
    socket.once('error', () => {
      settle(false);
    });
    socket.once('connect', () => {
      settle(true);
    });
  });
}

/** Kafka's ApiVersions request, version 0, which every broker answers: length, key 18, version, correlation id, client id. */
export function apiVersionsRequest(correlationId: number): Buffer {
  const clientId = Buffer.from('expunge-stack');
  const body = Buffer.alloc(10);
  body.writeInt16BE(18, 0);
  body.writeInt16BE(0, 2);
  body.writeInt32BE(correlationId, 4);
  body.writeInt16BE(clientId.length, 8);
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + clientId.length);
  return Buffer.concat([length, body, clientId]);
}

/** Whether a Kafka broker answers there. */
export async function kafkaAnswers(host: string, port: number): Promise<boolean> {
  const answer = await ask(host, port, apiVersionsRequest(4711));
  return answer !== undefined && answer.length >= 10 && answer.readInt32BE(4) === 4711 && answer.readInt16BE(8) === 0;
}

/** PostgreSQL's StartupMessage, protocol 3.0. */
export function startupMessage(user: string, database: string): Buffer {
  const parameters = Buffer.from(`user\0${user}\0database\0${database}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + parameters.length, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, parameters]);
}

/** Whether a PostgreSQL asks for a password there; one that is still starting answers with an error instead. */
export async function postgresAnswers(host: string, port: number, user: string, database: string): Promise<boolean> {
  const answer = await ask(host, port, startupMessage(user, database));
  return answer?.[0] === 'R'.charCodeAt(0);
}
