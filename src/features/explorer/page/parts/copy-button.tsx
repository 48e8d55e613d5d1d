import { useState } from 'preact/hooks';

/** A button that copies a string. */
export function CopyButton({ text, label }: { readonly text: string; readonly label: string }) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    await copyText(text);
    setDone(true);
    setTimeout(setDone, 1_500, false);
  };
  return (
    <button type="button" class="small" aria-label={`Copy ${label}`} onClick={() => void copy()}>
      {isDone ? 'Copied' : 'Copy'}
    </button>
  );
}

/** Over plain HTTP from another machine, browsers offer only the old clipboard function. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
