/**
 * Fastify's `schemaController` for an app without schemas: it would load ajv and fast-json-stringify otherwise, 2 to 3 MB of an idle
 * process.
 */
export const schemaless = {
  compilersFactory: { buildValidator: refuseSchema, buildSerializer: refuseSchema },
};

function refuseSchema(): never {
  throw new Error('routes have no schemas here');
}
