import type { ServerAddress } from './types.js';

const defaultPorts = { 'https:': 443, 'http:': 80 } as const;

/**
 * Reads the address of an API server as client-go's `rest.DefaultServerURL` does: a URL, whose query and fragment are ignored, or
 * `host:port`, which means plain HTTP without a path. The problem is one line, which begins with `where`. It quotes only
 * a URL that can be parsed and has no user, because any part of another string may be a password.
 */
export function parseServerAddress(
  server: string,
  where: string,
): { readonly address: ServerAddress } | { readonly problem: string } {
  const fail = (reason: string): { readonly problem: string } => ({ problem: `${where} ${reason}` });
  // A / ? or # in a password ends the host for every parser, so that a part of the password would count as the port or the path.
  if (server.includes('@')) {
    return fail('has an @ in it; use --username and --password, and write an @ of the path as %40');
  }
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(server);
  const text = hasScheme ? server : `http://${server}`;
  // The WHATWG parser would silently change these to slashes, or drop them.
  if (/[\s\\]/.test(server) || /^[^/]*:\/\/(\/|$)/.test(text) || !URL.canParse(text)) {
    return fail('is not a URL or host:port');
  }
  const url = new URL(text);
  if (!hasScheme && url.pathname !== '/') return fail('is not a URL or host:port');
  const quoted = JSON.stringify(server.replace(/[?#].*$/, ''));
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return { problem: `${where}: ${quoted} is neither https:// nor http://` };
  }
  if (url.port === '0') return { problem: `${where}: ${quoted} has the port 0, which is not valid` };
  return {
    address: {
      protocol: url.protocol,
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? defaultPorts[url.protocol] : Number(url.port),
      path: url.pathname.replace(/(?<!\/)\/+$/, ''),
    },
  };
}

/** The URL of this server, without a trailing slash. */
export function urlOf(server: ServerAddress): string {
  return `${server.protocol}//${hostOf(server)}${server.path}`;
}

/** The Host header for this server: without the scheme's default port, and with brackets around an IPv6 address. */
export function hostOf({ protocol, hostname, port }: ServerAddress): string {
  const host = hostname.includes(':') ? `[${hostname}]` : hostname;
  return port === defaultPorts[protocol] ? host : `${host}:${port}`;
}
