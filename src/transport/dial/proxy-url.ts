import type net from 'node:net';

const defaultPorts = { 'http:': 80, 'https:': 443, 'socks5:': 1080, 'socks5h:': 1080 } as const;
/** In RFC 1929, the length of a user name or password is one byte. */
const maxSocksBytes = 255;

/** A proxy on the way to the API server. */
export interface ProxyConfig {
  readonly protocol: 'http:' | 'https:' | 'socks5:';
  /** Host name or IP address; an IPv6 address has no brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Secret: it is sent to the proxy, and never appears in a message. */
  readonly credentials?: Credentials;
}

/** A user name and a password. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** The proxy to use (undefined for none), or a line that says why the configured proxy cannot be used. */
export type ProxySelection = { readonly proxy: ProxyConfig | undefined } | { readonly problem: string };

/** The server at the far end of a tunnel. */
export interface Target {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Asks the proxy at the other end of a fresh connection for a tunnel to `server`. It may call `done` more than once; only the first call
 * counts. The caller must handle errors and the close of the socket.
 */
export type Negotiation = (
  socket: net.Socket,
  proxy: ProxyConfig,
  server: Target,
  done: (error: Error | null) => void,
) => void;

/**
 * Parses a proxy's URL as client-go's `parseProxyURL` does. It also accepts socks5h, which means the same as socks5: in Go the proxy
 * resolves the name for both. A problem is one line that begins with `name`. It never contains the URL, because any part of a URL that
 * cannot be parsed may be the password.
 */
export function parseProxyUrl(text: string, name: string): ProxySelection {
  const fail = (reason: string) => ({ problem: `${name} ${reason}` });
  const [, scheme, authority = '', rest = ''] = /^([a-z][a-z0-9+.-]*:)\/\/([^/?#]*)(.*)$/is.exec(text) ?? [];
  const protocol = scheme?.toLowerCase();
  if (protocol !== undefined && !isProxyProtocol(protocol)) {
    return fail(`has the scheme ${protocol}//; use http://, https://, socks5:// or socks5h://`);
  }
  // `URL` parses the host properly only for http; but it removes white space and takes \ for /, hence the check below.
  const plain = `http://${authority}`;
  if (protocol === undefined || authority === '' || /[\s\\]/.test(text) || !URL.canParse(plain)) {
    return fail('is not a URL like http://proxy.example.com:3128');
  }
  if (rest.includes('@')) return fail('has an @ after its host; write / ? # in a password as %2F %3F %23');
  const { hostname, username, password } = new URL(plain);
  const port = Number(/:(\d+)$/.exec(authority)?.[1] ?? defaultPorts[protocol]);
  if (port === 0) return fail('has the port 0, which is not valid');
  const credentials = decodeCredentials(username, password);
  if (credentials === undefined) return fail('has a user name or password that is not percent-encoded UTF-8');
  const isSocks = protocol === 'socks5:' || protocol === 'socks5h:';
  if (isSocks && Object.values(credentials).some(value => Buffer.byteLength(value) > maxSocksBytes)) {
    return fail(`has a user name or password longer than SOCKS5's ${maxSocksBytes} bytes`);
  }
  return {
    proxy: {
      protocol: isSocks ? 'socks5:' : protocol,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      ...(username === '' && password === '' ? {} : { credentials }),
    },
  };
}

/** `host:port`, with brackets around an IPv6 address. It names the proxy in messages, and the API server in a CONNECT request. */
export function authorityOf({ hostname, port }: Target): string {
  return `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`;
}

function isProxyProtocol(protocol: string): protocol is keyof typeof defaultPorts {
  return Object.hasOwn(defaultPorts, protocol);
}

function decodeCredentials(username: string, password: string): Credentials | undefined {
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    return undefined;
  }
}
