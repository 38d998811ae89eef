import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../stack/fetch/commands.js';

/** Files of an authority, and of a server and a client that it has signed; PEM all of them. */
export interface Certificates {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
  /** An authority that has signed nobody. */
  readonly otherCa: string;
}

/** Makes certificates for 127.0.0.1 with openssl, good for a day. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const openssl = (...args: string[]) => runCommand('openssl', args, { env: process.env, cwd: folder });
  const at = (file: string): string => join(folder, file);
  const authority = (name: string) => openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.crt`);
  const signed = async (name: string, extensions: string): Promise<void> => {
    await writeFile(at(`${name}.ext`), extensions);
    await openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    await openssl('x509', '-req', '-days', '1', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${name}.ext`, '-out', `${name}.crt`);
  };
  await Promise.all([authority('ca'), authority('other')]);
  await signed('server', 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n');
  await signed('client', 'extendedKeyUsage=clientAuth\n');
  return { ca: at('ca.crt'), otherCa: at('other.crt'), serverCert: at('server.crt'), serverKey: at('server.key'), clientCert: at('client.crt'), clientKey: at('client.key') };
}
