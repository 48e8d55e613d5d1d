/**
 * The network that an address counts towards: each IPv4 address alone, but for an IPv6 address its whole /64, because one host may use all
 * addresses of a /64 (RFC 4291, section 2.5.4). Takes an address as Node writes it; empty for a Unix socket.
 */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = address.replace(/%.*/, '').split('::');
  const first = head.split(':').filter(group => group !== '');
  const last = tail.split(':').filter(group => group !== '');
  const zeros = Array<string>(Math.max(8 - first.length - last.length, 0)).fill('0');
  return [...first, ...zeros, ...last].slice(0, 4).join(':');
}
