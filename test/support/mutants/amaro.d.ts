declare module 'amaro' {
  /** Puts spaces in the place of types. Throws if the code has more of TypeScript than types. */
  export function transformSync(
    code: string,
    options: { readonly mode: 'strip-only' },
  ): { readonly code: string };
}
