import { type FailureObserver, StatusError } from './status.js';

/** The value of `reason` in the metric of refused requests. */
export const refusedGroupReason = 'refused_group';

/** The API server does not let the proxy impersonate a group of a request's user: a 403 that says who can change that. */
export class RefusedGroupError extends StatusError {
  readonly reason = refusedGroupReason;

  readonly group: string;

  /** @param verb The one whose right is missing. */
  constructor(group: string, verb = 'impersonate') {
    super(
      403,
      `the API server does not let this proxy impersonate the group ${JSON.stringify(group.slice(0, 200))}, which the user of the ` +
        `request has; whoever runs the proxy can allow it (the verb ${verb} on this group; in the chart: callers.groups), or leave ` +
        'other groups out (--accept-group; in the chart: callers.dropOtherGroups)',
    );
    this.group = group;
  }

  override count(observer: FailureObserver): void {
    observer.rejected(this.reason);
    observer.refusedGroup(this.group);
  }
}

/** The API server's message (apiserver `ForbiddenStatusError`), with the name as Go quotes it. */
const refusal =
  /groups ("(?:[^"\\]|\\.)*") is forbidden: User "(?:[^"\\]|\\.)*" cannot impersonate resource "groups" /;

/**
 * The error for a user of these groups if the API server's answer says that the sender may not impersonate one of them; undefined for every
 * other answer.
 *
 * @param body A Status as JSON, YAML or Protobuf, whose strings are UTF-8.
 */
export function refusedGroup(body: string, groups: readonly string[]): RefusedGroupError | undefined {
  const refused = parsed(refusal.exec(messageOf(body))?.[1]);
  const group = groups.find(name => name === refused);
  return group === undefined ? undefined : new RefusedGroupError(group);
}

function messageOf(body: string): string {
  // YAML breaks long lines.
  const status = parsed(body) as { readonly message?: unknown } | null | undefined;
  return String(status?.message ?? body.replace(/\s+/g, ' '));
}

function parsed(json: string | undefined): unknown {
  try {
    return JSON.parse(json as string);
  } catch {
    return undefined;
  }
}
