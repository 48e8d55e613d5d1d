interface Details {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly causes?: readonly { readonly reason: string; readonly message: string; readonly field?: string }[];
  readonly retryAfterSeconds?: number;
}

/** The error of a request that the API server rejects: the HTTP status and the fields of the `Status` object. */
export class StatusFailure extends Error {
  override readonly name = 'StatusFailure';

  constructor(
    readonly code: number,
    /** An empty one is left out. */
    readonly reason: string,
    message: string,
    readonly details?: Details,
  ) {
    super(message);
  }

  /** The body, with its fields in the recorded order. */
  toStatus(): Record<string, unknown> {
    return {
      ...{ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: this.message },
      ...(this.reason !== '' && { reason: this.reason }),
      ...(this.details && { details: this.details }),
      code: this.code,
    };
  }
}

interface Target {
  readonly group: string;
  readonly resource: string;
}

/** A failure that is about one object. */
function about(code: number, reason: string, { group, resource }: Target, name: string) {
  const details = { ...(name && { name }), ...(group && { group }), kind: resource };
  const qualified = `${group ? `${resource}.${group}` : resource} "${name}"`;
  return (message: (qualified: string) => string) =>
    new StatusFailure(code, reason, message(qualified), details);
}

/** 400: the request makes no sense to the server. */
export function badRequest(message: string): StatusFailure {
  return new StatusFailure(400, 'BadRequest', message);
}

/** 404 for an object that does not exist. */
export function notFound(target: Target, name: string): StatusFailure {
  return about(404, 'NotFound', target, name)(object => `${object} not found`);
}

/** 405 for a verb that the resource does not have. */
export function methodNotAllowed(): StatusFailure {
  const message = 'the server does not allow this method on the requested resource';
  return new StatusFailure(405, 'MethodNotAllowed', message, {});
}

/** 409 for a create whose name is in use. */
export function alreadyExists(target: Target, name: string): StatusFailure {
  return about(409, 'AlreadyExists', target, name)(object => `${object} already exists`);
}

/** 409 for a write against an older resourceVersion. */
export function staleVersion(target: Target, name: string): StatusFailure {
  const hint = 'please apply your changes to the latest version and try again';
  return about(...([409, 'Conflict', target, name] as const))(
    object => `Operation cannot be fulfilled on ${object}: the object has been modified; ${hint}`,
  );
}

/** 410 for a list continuation or a watch from a version that is no longer in the history. */
export function expired(message: string): StatusFailure {
  return new StatusFailure(410, 'Expired', message);
}

/** 504 for a version that the server does not reach within three seconds. */
export function tooLargeVersion(version: number, current: number): StatusFailure {
  const message = 'Too large resource version';
  return new StatusFailure(504, 'Timeout', `Timeout: ${message}: ${version}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message }],
    retryAfterSeconds: 1,
  });
}

/** 415 for a body in a form that the server does not read. */
export function unsupportedMediaType(accepted: readonly string[]): StatusFailure {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return new StatusFailure(415, 'UnsupportedMediaType', message);
}

/** 422 for an object that cannot be. */
export function invalid(message: string): StatusFailure {
  return new StatusFailure(422, 'Invalid', message);
}
