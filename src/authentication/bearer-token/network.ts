/**
 * The network that an address is counted under: an IPv4 address by itself, an IPv6 address with its whole /64, because whoever has one of
 * those addresses has them all (RFC 4291, section 2.5.4). Takes an address as Node writes it; empty stands for a Unix socket.
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
