import type { Report } from '../common/configuration-file/parse.js';
import {
  type AuthenticationConfiguration,
  type FileContent,
  type PrefixedClaimOrExpression,
  type ValidAuthenticator,
  validate,
} from './validation.js';

/** Reads a file that has the right fields. What is reported cannot be used. */
export function readAuthenticators(content: object, report: Report): Promise<readonly ValidAuthenticator[]> {
  const { jwt = [], anonymous }: FileContent = content;
  if (anonymous !== undefined && (anonymous.enabled !== false || 'conditions' in anonymous)) {
    report(['anonymous'], 'can only be enabled: false: the gateway has no anonymous callers');
  }
  const entries = jwt.map(entry => ({
    issuer: { url: '', audiences: [] },
    claimMappings: { username: {} },
    ...entry,
  }));
  return validate({ jwt: entries as AuthenticationConfiguration['jwt'] }, report);
}

/** Two issuers whose prefixes allow one to make a name or a group of the other: what is allowed but dangerous, one line each. */
export function* collisions(entries: readonly ValidAuthenticator[]): Generator<string> {
  for (const field of ['username', 'groups'] as const) {
    const mapped = entries.flatMap(({ entry }) => {
      const { claim = '', prefix = '' }: PrefixedClaimOrExpression = entry.claimMappings[field] ?? {};
      return claim === '' ? [] : [{ url: entry.issuer.url, prefix }];
    });
    for (const [index, one] of mapped.entries()) {
      for (const other of mapped.slice(index + 1)) {
        if (!one.prefix.startsWith(other.prefix) && !other.prefix.startsWith(one.prefix)) continue;
        yield `--authentication-config: ${one.url} and ${other.url} could make the same ${field === 'groups' ? 'group' : 'name'}: ` +
          `the prefix of one begins with that of the other (${JSON.stringify(one.prefix)}, ${JSON.stringify(other.prefix)})`;
      }
    }
  }
}
