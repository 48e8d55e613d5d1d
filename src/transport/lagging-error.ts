/** A client reads more slowly than what it has asked for comes, and has been left behind: nothing that is written reaches it in time. */
export class LaggingError extends Error {}
