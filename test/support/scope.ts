/** Where clean-up functions are registered: a test's context, or `{ after }` of node:test for the shared parts of a file's tests. */
export interface Scope {
  after(cleanup: () => unknown): void;
}
