import type { LiveObject } from '../live/live-object.js';
import { useNow } from '../parts/hooks.js';
import { humanDuration } from '../text/age.js';
import { type Change, pathText } from '../text/changes.js';
import { hiddenValue, isSecretPath } from '../text/redact.js';

/** The most fields that are named. The YAML marks all of them. */
const most = 6;

/** The last change of an object. */
export function LastChange({ live: { object, changes, changedAt } }: { readonly live: LiveObject }) {
  const now = useNow();
  if (changedAt === undefined || changes.length === 0 || object === undefined) return null;
  return (
    <aside class="last-change" aria-label="Last change">
      <strong>Changed {humanDuration(now - changedAt)} ago</strong>
      <ul>
        {changes.slice(0, most).map(change => (
          <li key={pathText(change.path)}>
            <code>{pathText(change.path)}</code>{' '}
            {isSecretPath(object, change.path) ? hiddenValue : <Values change={change} />}
          </li>
        ))}
        {changes.length > most && <li class="muted">and {changes.length - most} more</li>}
      </ul>
    </aside>
  );
}

function Values({ change: { before, after } }: { readonly change: Change }) {
  return (
    <>
      {before !== undefined && <del>{short(before)}</del>}
      {before !== undefined && after !== undefined && ' → '}
      {after !== undefined && <ins>{short(after)}</ins>}
    </>
  );
}

function short(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
