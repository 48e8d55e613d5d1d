/**
 * Characters that a terminal may act on, and that JSON does not escape: DEL and C1 (0x9b begins a command as ESC [ does), line and paragraph separators,
 * and the marks that change the direction of the text around them (CVE-2021-42574).
 */
const raw = '\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069';
const rawOnly = new RegExp(`[${raw}]`, 'g');
/** The same, and every escape of JSON as a whole: an n after an escaped backslash is not a part of an escape. */
const rawOrEscape = new RegExp(`\\\\.|[${raw}]`, 'g');

/** The same JSON, with escapes for the characters that a terminal may act on. */
export function escapeControls(json: string): string {
  return json.replace(rawOnly, unicodeEscape);
}

/** JSON whose strings, once parsed, have the escape of each such character (and of each of C0) as text. They are safe to print. */
export function spellOutControls(json: string): string {
  return json.replace(rawOrEscape, found => {
    if (found.length === 1) return `\\${unicodeEscape(found)}`;
    return '\\"/'.includes(found.charAt(1)) ? found : `\\${found}`;
  });
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
