/** The content codings of an answer. Each file exists in each of these forms. */
export type Coding = 'br' | 'gzip' | 'identity';

/**
 * The smallest form that an Accept-Encoding accepts (RFC 9110, section 12.5.3). The only weight that counts is 0, which rejects a coding.
 */
export function preferredCoding(acceptEncoding: string | undefined): Coding {
  const accepted = (acceptEncoding ?? '')
    .toLowerCase()
    .split(',')
    .filter(item => !/;\s*q=0(?:\.0*)?\s*$/.test(item))
    .map(item => item.split(';')[0]?.trim());
  if (accepted.includes('br')) return 'br';
  return accepted.includes('gzip') ? 'gzip' : 'identity';
}
