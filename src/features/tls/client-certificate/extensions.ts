import { Der, DerError, fieldTag, tags } from './der.js';

/** RFC 5280, section 4.2.1.12. */
const extendedKeyUsage = '2.5.29.37';

/** Reads the value of an extension. Throws a DerError if Go does not read it, or if it is critical and has something that Go ignores. */
type Reading = (der: Der, isCritical: boolean) => void;

/**
 * The extensions that Go reads (crypto/x509, `processExtensions`). What follows the value is not looked at. No reading depends on what is in
 * an extension, but for the usages: OpenSSL judges the chain.
 */
const readings = new Map<string, Reading>(
  Object.entries<Reading>({
    '2.5.29.14': notCritical(der => der.content(tags.octetString)),
    '2.5.29.15': der => der.bitString(),
    '2.5.29.17': readAlternativeNames,
    '2.5.29.19': readBasicConstraints,
    '2.5.29.30': readNameConstraints,
    '2.5.29.31': readDistributionPoints,
    '2.5.29.32': readPolicies,
    '2.5.29.33': der =>
      forEach(der, mapping => {
        mapping.content(tags.objectIdentifier);
        mapping.content(tags.objectIdentifier);
      }),
    '2.5.29.35': notCritical(der => {
      const identifier = der.inside(tags.sequence);
      if (identifier.nextIs(fieldTag(0, 'primitive'))) identifier.any();
    }),
    '2.5.29.36': readPolicyConstraints,
    [extendedKeyUsage]: readUsages,
    '2.5.29.54': der => der.natural(),
    '1.3.6.1.5.5.7.1.1': notCritical(der =>
      forEach(der, access => {
        access.objectIdentifier();
        if (access.nextIs(fieldTag(6, 'primitive'))) access.any();
      }),
    ),
  }),
);

/**
 * Reads the extensions of a certificate. Throws a DerError if one is broken, is there twice, or is critical and unknown to the API server.
 * Returns the extended key usages; undefined if there is no such extension.
 */
export function readExtensions(der: Der): readonly string[] | undefined {
  const seen = new Set<string>();
  let usages: readonly string[] | undefined;
  forEach(der, extension => {
    const type = extension.objectIdentifier();
    const isCritical = extension.nextIs(tags.boolean) && extension.boolean();
    const value = extension.content(tags.octetString);
    if (seen.has(type)) throw new DerError(`the extension ${type} is there twice`);
    seen.add(type);
    const read = readings.get(type);
    if (isCritical && read === undefined) throw new DerError(`the extension ${type} is critical and unknown`);
    read?.(new Der(value), isCritical);
    if (type === extendedKeyUsage) usages = readUsages(new Der(value));
  });
  return usages;
}

function notCritical(read: (der: Der) => void): Reading {
  return (der, isCritical) => {
    if (isCritical) throw new DerError('an extension is critical that must not be so');
    read(der);
  };
}

function forEach(der: Der, read: (item: Der) => void): void {
  for (const items = der.inside(tags.sequence); !items.isAtEnd; ) read(items.inside(tags.sequence));
}

function readUsages(der: Der): readonly string[] {
  const usages: string[] = [];
  for (const items = der.inside(tags.sequence); !items.isAtEnd; ) usages.push(items.objectIdentifier());
  return usages;
}

function readBasicConstraints(der: Der): void {
  const constraints = der.inside(tags.sequence);
  if (constraints.nextIs(tags.boolean)) constraints.boolean();
  if (constraints.nextIs(tags.integer)) constraints.natural();
}

/** Mail addresses, DNS names, URIs and IP addresses. Go does not read the others. */
function readAlternativeNames(der: Der, isCritical: boolean): void {
  let isRead = false;
  for (const names = der.inside(tags.sequence); !names.isAtEnd; ) {
    const { tag, content } = names.any();
    const kind = [1, 2, 6, 7].find(number => tag === fieldTag(number, 'primitive'));
    if (kind === undefined) continue;
    const isValid = kind === 7 ? [4, 16].includes(content.length) : content.every(byte => byte < 0x80);
    if (!isValid) throw new DerError('an alternative name is wrong');
    isRead = true;
  }
  if (isCritical && !isRead) throw new DerError('the alternative names are critical and unknown');
}

function readNameConstraints(der: Der, isCritical: boolean): void {
  const trees = der.inside(tags.sequence);
  let isRead = true;
  let some = false;
  for (const number of [0, 1]) {
    const tag = fieldTag(number, 'constructed');
    if (!trees.nextIs(tag)) continue;
    some = true;
    const tree = trees.inside(tag);
    if (tree.isAtEnd) throw new DerError('the name constraints are empty');
    while (!tree.isAtEnd) {
      const kind = tree.inside(tags.sequence).any().tag;
      if (![1, 2, 6, 7].some(known => kind === fieldTag(known, 'primitive'))) isRead = false;
    }
  }
  if (!trees.isAtEnd || !some || !der.isAtEnd) throw new DerError('the name constraints are wrong');
  if (isCritical && !isRead) throw new DerError('the name constraints are critical and unknown');
}

function readDistributionPoints(der: Der): void {
  const field = fieldTag(0, 'constructed');
  forEach(der, point => {
    if (!point.nextIs(field)) return;
    const names = point.inside(field).inside(field);
    while (names.nextIs(fieldTag(6, 'primitive'))) names.any();
  });
}

function readPolicies(der: Der): void {
  const seen = new Set<string>();
  forEach(der, policy => {
    const identifier = policy.content(tags.objectIdentifier).toString('hex');
    if (identifier === '' || seen.has(identifier)) throw new DerError('the policies are wrong');
    seen.add(identifier);
  });
}

function readPolicyConstraints(der: Der): void {
  const constraints = der.inside(tags.sequence);
  for (const number of [0, 1]) {
    const tag = fieldTag(number, 'primitive');
    if (constraints.nextIs(tag)) constraints.natural(tag);
  }
}
