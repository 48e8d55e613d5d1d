/** A client reads more slowly than its data comes. It is too far behind, so the proxy ends its stream. */
export class LaggingError extends Error {}
