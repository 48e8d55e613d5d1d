/** Tells browsers to take an answer for what its Content-Type says, and for nothing else (Fetch, "X-Content-Type-Options header"). */
export const noSniff = ['X-Content-Type-Options', 'nosniff'] as const;

/**
 * Lets only pages of this origin embed an answer, as an image, a script or the like (Fetch, "Cross-Origin-Resource-Policy header"). Browsers
 * obey it on plain HTTP too, where they send no Fetch Metadata.
 */
export const sameOriginOnly = ['Cross-Origin-Resource-Policy', 'same-origin'] as const;

/** Fields of the proxy's own answers where no rule applies. */
export const ownAnswerFields: readonly string[] = [...noSniff, ...sameOriginOnly];
