import type { ServerAddress } from './types.js';

const defaultPorts = { 'https:': 443, 'http:': 80 } as const;

/**
 * Reads the address of an API server as client-go's `rest.DefaultServerURL` does: a URL, whose query and fragment are ignored, or
 * `host:port`, which means plain HTTP without a path. The problem is one line. It begins with `where`, and hides what precedes an @.
 */
export function parseServerAddress(
  server: string,
  where: string,
): { readonly address: ServerAddress } | { readonly problem: string } {
  const fail = (reason: string): { readonly problem: string } => ({
    problem: `${where}: ${JSON.stringify(server.replace(/[^/]*@/, '***@'))} ${reason}`,
  });
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(server);
  const text = hasScheme ? server : `http://${server}`;
  // The WHATWG parser would silently change these to slashes, or drop them.
  if (/[\s\\]/.test(server) || /^[^/]*:\/\/(\/|$)/.test(text) || !URL.canParse(text)) {
    return fail('is not a URL or host:port');
  }
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return fail('is neither https:// nor http://');
  if (url.username !== '' || url.password !== '') {
    return fail('has a user name in it; use --username and --password');
  }
  if (!hasScheme && url.pathname !== '/') return fail('is not a URL or host:port');
  if (url.port === '0') return fail('has no port that can be dialled');
  return {
    address: {
      protocol: url.protocol,
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? defaultPorts[url.protocol] : Number(url.port),
      path: url.pathname.replace(/\/+$/, ''),
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
