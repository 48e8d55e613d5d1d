/**
 * The answer with which an issuer sent the browser back; undefined without one. It leaves the address bar before any other code of the page
 * runs, because it contains a code.
 */
export const answer = takeAnswer();

function takeAnswer(): URLSearchParams | undefined {
  if (location.search === '') return undefined;
  const query = new URLSearchParams(location.search);
  history.replaceState(null, '', location.pathname + location.hash);
  return ['code', 'state', 'error'].some(name => query.has(name)) ? query : undefined;
}
