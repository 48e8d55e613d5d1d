import { type Column, isPastTime } from '../api/table.js';
import { durationOf, humanDuration } from '../text/age.js';
import { textOf } from './columns.js';

const good =
  /^(?:Running|Active|Ready|True|Bound|Available|Complete|Completed|Succeeded|Healthy|Synced|Normal)$/;
const waiting =
  /^(?:Pending|ContainerCreating|PodInitializing|Init:.*|Terminating|Progressing|Unknown|Released|Warning)$/;
const bad =
  /^(?:.*BackOff|.*Error|Error|Failed|Evicted|OOMKilled|False|NotReady.*|Lost|ErrImage.*|Degraded)$/;

/** One cell of a table. A name is a link, an age counts on, and a state has a colour. */
export function Cell({
  column,
  value,
  created,
  href,
  now,
  readAt,
}: {
  readonly column: Column;
  readonly value: unknown;
  readonly created: string | undefined;
  readonly href: string | undefined;
  readonly now: number;
  /** When the server sent the value, in milliseconds since 1970. */
  readonly readAt: number;
}) {
  if (created !== undefined) {
    const time = Date.parse(created);
    return (
      <time dateTime={created} title={new Date(time).toLocaleString()}>
        {humanDuration(now - time)}
      </time>
    );
  }
  const text = isPastTime(column) ? laterOf(textOf(value), now - readAt) : textOf(value);
  if (href !== undefined) {
    return (
      <a href={href} title={text}>
        {text}
      </a>
    );
  }
  const kind = /^(?:Status|Phase|Type|Ready)$/i.test(column.name) ? kindOf(text) : undefined;
  return (
    <span title={text} class={kind && `status ${kind}`}>
      {kind && <span class="dot" aria-hidden="true" />}
      {text}
    </span>
  );
}

/** An age, some milliseconds later. */
function laterOf(text: string, passed: number): string {
  const age = durationOf(text);
  return age === undefined ? text : humanDuration(age + Math.max(0, passed));
}

function kindOf(text: string): string | undefined {
  if (good.test(text)) return 'good';
  if (waiting.test(text)) return 'waiting';
  return bad.test(text) ? 'bad' : undefined;
}
