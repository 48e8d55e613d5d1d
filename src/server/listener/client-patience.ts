/** Milliseconds after which a client counts as gone if it reads nothing of what waits for it, and sends nothing. Its requests then end. */
export const clientPatience = 25_000;
