/**
 * Milliseconds after which a client that takes nothing of what waits for it, and says nothing, counts as gone; what it asked for
 * ends then.
 */
export const clientPatience = 25_000;
