/** Splits `host:port` (IPv6 in brackets); the port may be left out. */
export function hostAndPort(address: string, defaultPort: number): { host: string; port: number } {
  const [, host, port] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(address.trim()) ?? [];
  return { host: host || '127.0.0.1', port: port === undefined ? defaultPort : Number(port) };
}

/** Host and port of a URL; the port may be left out. */
export function hostAndPortOfUrl(url: string, defaultPort: number): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? defaultPort : Number(port) };
}
