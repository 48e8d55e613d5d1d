/** How an answer's content may be coded; the files are there in each of these forms. */
export type Coding = 'br' | 'gzip' | 'identity';

/** The smallest form that an Accept-Encoding takes (RFC 9110, section 12.5.3); a weight counts only where it is 0, which rejects. */
export function preferredCoding(acceptEncoding: string | undefined): Coding {
  const accepted = (acceptEncoding ?? '')
    .toLowerCase()
    .split(',')
    .filter(item => !/;\s*q=0(?:\.0*)?\s*$/.test(item))
    .map(item => item.split(';')[0]?.trim());
  if (accepted.includes('br')) return 'br';
  return accepted.includes('gzip') ? 'gzip' : 'identity';
}
