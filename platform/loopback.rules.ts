import { isIPv4 } from 'node:net';

/** Whether only this machine can reach what listens on the host: `localhost`, 127.0.0.0/8 and ::1 (RFC 6890). */
export function isLoopback(host: string): boolean {
  const name = host.trim().toLowerCase().replace(/^\[(.*)\]$/, '$1');
  if (name === 'localhost' || name === '::1') return true;
  const mapped = name.replace(/^::ffff:/, '');
  return isIPv4(mapped) && mapped.startsWith('127.');
}
