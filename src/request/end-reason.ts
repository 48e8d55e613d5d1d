/**
 * Why the proxy itself ended a request: the caller's credential has expired, nobody knows the caller any longer, the caller may no longer do
 * it, it is not known for too long whether the caller may, an operator has ended it,
 * or its cluster is no longer served.
 */
const revocations = ['expiry', 'caller', 'access', 'unknown', 'operator', 'cluster'] as const;
export type Revocation = (typeof revocations)[number];

/** Who or what ended a request. */
export const endReasons = ['client', 'upstream', 'shutdown', 'error', ...revocations] as const;
export type EndReason = (typeof endReasons)[number];
