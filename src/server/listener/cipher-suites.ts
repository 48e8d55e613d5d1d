import type { ValueType } from '../../lib/value-type.js';

/**
 * Go's names of cipher suites (crypto/tls, as in `--tls-cipher-suites` of the API server), with those of OpenSSL. Suites of TLS 1.3 have no
 * OpenSSL name here: they cannot be chosen, nor can they in Go, and naming one changes nothing.
 */
const openSslNames: ReadonlyMap<string, string | undefined> = new Map([
  ['TLS_AES_128_GCM_SHA256', undefined],
  ['TLS_AES_256_GCM_SHA384', undefined],
  ['TLS_CHACHA20_POLY1305_SHA256', undefined],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256', 'ECDHE-ECDSA-AES128-SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256', 'ECDHE-RSA-AES128-SHA256'],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA', 'ECDHE-ECDSA-AES128-SHA'],
  ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA', 'ECDHE-RSA-AES128-SHA'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA', 'ECDHE-ECDSA-AES256-SHA'],
  ['TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA', 'ECDHE-RSA-AES256-SHA'],
  ['TLS_RSA_WITH_AES_128_GCM_SHA256', 'AES128-GCM-SHA256'],
  ['TLS_RSA_WITH_AES_256_GCM_SHA384', 'AES256-GCM-SHA384'],
  ['TLS_RSA_WITH_AES_128_CBC_SHA256', 'AES128-SHA256'],
  ['TLS_RSA_WITH_AES_128_CBC_SHA', 'AES128-SHA'],
  ['TLS_RSA_WITH_AES_256_CBC_SHA', 'AES256-SHA'],
]);

/** Suites with authenticated encryption and forward secrecy. Every HTTP/2 client has them (RFC 9113, section 9.2.2). */
const defaultSuites = [...openSslNames.values()]
  .filter(name => name !== undefined && /^ECDHE-.*(GCM|POLY1305)/.test(name))
  .filter((name, index, all) => all.indexOf(name) === index);

const tls13Suites = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';

/** An option's list of suites. Suites that crypto/tls knows but OpenSSL has removed (RC4, 3DES) are not allowed. */
export const cipherSuites: ValueType<readonly string[]> = {
  placeholder: 'NAMES',
  separator: ',',
  parse(value, where) {
    const names = value.split(',').filter(name => name !== '');
    const unknown = names.filter(name => !openSslNames.has(name));
    if (unknown.length === 0) return { value: names };
    return {
      problems: unknown.map(name => `${where}: ${JSON.stringify(name)} is not a supported cipher suite`),
    };
  },
};

/** The suites in the form of OpenSSL; an empty list stands for the default suites. All names must be known. */
export function openSslCiphers(goNames: readonly string[]): string {
  const chosen = goNames.flatMap(name => openSslNames.get(name) ?? []);
  return [tls13Suites, ...(chosen.length === 0 ? defaultSuites : chosen)].join(':');
}
