const defaultPorts = { 'http:': 80, 'https:': 443, 'socks5:': 1080, 'socks5h:': 1080 } as const;
/** RFC 1929 gives a user name and a password one byte each for their length. */
const maxSocksBytes = 255;

/** A proxy on the way to the API server. */
export interface ProxyConfig {
  readonly protocol: 'http:' | 'https:' | 'socks5:';
  /** Host name or IP address, an IPv6 address without its brackets. */
  readonly hostname: string;
  readonly port: number;
  /** A secret: goes to the proxy, and never into a message. */
  readonly credentials?: { readonly username: string; readonly password: string };
}

/**
 * Reads a proxy's URL as client-go's `parseProxyURL` does, and takes socks5h too, which is the same as socks5 since Go lets
 * the proxy resolve the name in both. The problem is one line that begins with `name`; it never shows the URL, as any
 * part of one that cannot be read may be the password.
 */
export function parseProxyUrl(
  text: string,
  name: string,
): { readonly proxy: ProxyConfig } | { readonly problem: string } {
  const fail = (reason: string): { readonly problem: string } => ({ problem: `${name} ${reason}` });
  const [, scheme, authority = '', rest = ''] = /^([a-z][a-z0-9+.-]*:)\/\/([^/?#]*)(.*)$/is.exec(text) ?? [];
  const protocol = scheme?.toLowerCase();
  if (protocol !== undefined && !isProxyProtocol(protocol)) {
    return fail(
      `has the scheme ${protocol}// where http://, https://, socks5:// and socks5h:// are possible`,
    );
  }
  // Only for http is a host read as one, and it would quietly drop white space and take \ as /.
  const plain = `http://${authority}`;
  if (protocol === undefined || authority === '' || /[\s\\]/.test(text) || !URL.canParse(plain)) {
    return fail('is not a URL like http://proxy.example.com:3128');
  }
  if (rest.includes('@')) return fail('has an @ behind its host; write / ? # in a password as %2F %3F %23');
  const { hostname, username, password } = new URL(plain);
  const port = Number(/:(\d+)$/.exec(authority)?.[1] ?? defaultPorts[protocol]);
  if (port === 0) return fail('has no port that can be dialled');
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

/** `host:port`, an IPv6 address in brackets: how a message names the proxy, and how CONNECT names the API server. */
export function authorityOf({
  hostname,
  port,
}: {
  readonly hostname: string;
  readonly port: number;
}): string {
  return `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`;
}

function isProxyProtocol(protocol: string): protocol is keyof typeof defaultPorts {
  return Object.hasOwn(defaultPorts, protocol);
}

function decodeCredentials(
  username: string,
  password: string,
): { readonly username: string; readonly password: string } | undefined {
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    return undefined;
  }
}
