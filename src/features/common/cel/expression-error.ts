/** Why an expression cannot be used. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}
