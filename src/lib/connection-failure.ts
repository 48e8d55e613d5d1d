/** A failure that is the same for every server: the `reason` of metrics, and words for a message, after the server's name. */
export interface ConnectionFailure {
  readonly reason:
    | 'dns'
    | 'refused'
    | 'unreachable'
    | 'reset'
    | 'timeout'
    | 'tls_unknown_authority'
    | 'tls_expired'
    | 'tls_wrong_name'
    | 'tls'
    | 'other';
  readonly words: string;
}

const unknownAuthority = {
  reason: 'tls_unknown_authority',
  words: 'its certificate is signed by an unknown authority',
} as const;

const brokeOff = {
  reason: 'reset',
  words: 'the connection was closed before the answer was complete',
} as const;

/** By the error codes of Node and of OpenSSL's certificate verification. */
const failures: Readonly<Record<string, ConnectionFailure>> = {
  ENOTFOUND: { reason: 'dns', words: 'its host name does not resolve' },
  EAI_AGAIN: { reason: 'dns', words: 'the DNS server does not answer' },
  ECONNREFUSED: { reason: 'refused', words: 'connection refused' },
  EHOSTUNREACH: { reason: 'unreachable', words: 'no route to host' },
  ENETUNREACH: { reason: 'unreachable', words: 'network is unreachable' },
  EADDRNOTAVAIL: { reason: 'unreachable', words: 'no local address is free for another connection' },
  ETIMEDOUT: { reason: 'timeout', words: 'it does not answer' },
  ECONNRESET: brokeOff,
  EPIPE: brokeOff,
  EMFILE: { reason: 'other', words: 'this process has no file descriptor left for another connection' },
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  CERT_SIGNATURE_FAILURE: unknownAuthority,
  CERT_UNTRUSTED: unknownAuthority,
  INVALID_CA: unknownAuthority,
  CERT_HAS_EXPIRED: { reason: 'tls_expired', words: 'its certificate has expired' },
  CERT_NOT_YET_VALID: { reason: 'tls_expired', words: 'its certificate is not valid yet' },
  ERR_TLS_CERT_ALTNAME_INVALID: { reason: 'tls_wrong_name', words: 'its certificate is not for this name' },
  ERR_SSL_WRONG_VERSION_NUMBER: { reason: 'tls', words: 'it does not speak TLS' },
};

/** The meaning of an error code, for failures that are the same for every server; undefined for other codes. */
export function connectionFailure(code: string): ConnectionFailure | undefined {
  const isTls = code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO';
  return failures[code] ?? (isTls ? { reason: 'tls', words: 'the TLS handshake failed' } : undefined);
}

/** The first of several errors: Node tries every address of a host, and collects the errors in one AggregateError. */
export function firstError(error: Error): Error & { readonly code?: string } {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
}

/** An error with a code, as the errors of Node's sockets and files have one. */
export function codedError(code: string, message: string): Error & { readonly code: string } {
  return Object.assign(new Error(message), { code });
}
