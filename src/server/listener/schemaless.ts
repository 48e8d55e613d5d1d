/**
 * Fastify's `schemaController` for an app without schemas. Without it, Fastify would load ajv and fast-json-stringify, 2 to 3 MB of an idle
 * process.
 */
export const schemaless = {
  compilersFactory: { buildValidator: refuseSchema, buildSerializer: refuseSchema },
};

function refuseSchema(): never {
  throw new Error('routes have no schemas here');
}
