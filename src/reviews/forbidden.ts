import { quoted } from '../kubernetes/quoted.js';
import { StatusError } from '../kubernetes/status.js';
import type { Attributes, ResourceAttributes } from './attributes.js';

/** A user may not do this: a 403 in the words of the API server. */
export class ForbiddenError extends StatusError {
  /** The added authorizer that denies it; undefined if the API server does. */
  readonly deniedBy: string | undefined;

  /** @param message As of `forbiddenMessage`. */
  constructor(message: string, deniedBy?: string) {
    super(403, message);
    this.deniedBy = deniedBy;
  }
}

/**
 * The API server's message for a user who may not do this (apiserver `ForbiddenStatusError`, apimachinery `NewForbidden`). Names of more than
 * 1,000 characters are cut, because the message is logged.
 *
 * @param reason What the authorizer says about it; may be empty.
 */
export function forbiddenMessage(username: string, attributes: Attributes, reason: string): string {
  const [object, what] =
    'resourceAttributes' in attributes
      ? ofResource(attributes.resourceAttributes)
      : ofPath(attributes.nonResourceAttributes);
  const whole = withoutMarkup(`User ${quote(username)} cannot ${what}`);
  return `${object}forbidden: ${whole}${reason === '' ? '' : `: ${reason}`}`;
}

function ofPath({ verb, path }: { readonly verb: string; readonly path: string }): [string, string] {
  return ['', `${verb} path ${quote(path)}`];
}

function ofResource(attributes: ResourceAttributes): [string, string] {
  const { verb = '', group = '', resource = '', subresource = '', namespace = '', name = '' } = attributes;
  const kind = group === '' ? resource : `${resource}.${group}`;
  const object = kind === '' ? '' : `${name === '' ? kind : `${kind} ${quote(name)}`} is `;
  const whole = quote(subresource === '' ? resource : `${resource}/${subresource}`);
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${quote(namespace)}`;
  return [object, `${verb} resource ${whole} in API group ${quote(group)} ${where}`];
}

/** What no browser could take for HTML (apiserver `sanitizer`). */
export function withoutMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function quote(text: string): string {
  return quoted(text.slice(0, 1_000));
}
