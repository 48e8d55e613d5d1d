/** Where clean-up functions are registered: a test's context, or `{ after }` of node:test for what the tests of a file share. */
export interface Scope {
  after(cleanup: () => unknown): void;
}
