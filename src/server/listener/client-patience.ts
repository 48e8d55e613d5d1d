/**
 * Milliseconds after which a client that reads nothing of what waits for it, and sends nothing, counts as gone. Its requests end
 * then.
 */
export const clientPatience = 25_000;
