// The API in the browser. What is where:
//
//   api/     what is asked for and how: requests.ts alone decides which paths there are; client.ts sends them with the token; stream.ts follows
//            what has no end, over WebSockets; follow.ts tries again; the rest reads answers (discovery, tables, schemas, rights).
//   live/    models that ask and change: a list, an object, a log, a watch. Each begins with start() and ends with close().
//   text/    pure functions to text: YAML, ages, commands, differences, what is hidden.
//   parts/   what several views are made of, and the hooks by which views reach the store and the models.
//   views/   one view a file; app.tsx chooses among them by the fragment.
//   styles/  style sheets; tokens.css has the colours and sizes.
//   sign-in/ signing in at an issuer of OpenID Connect: there and back (issuer-sign-in.ts), what is asked of it (issuer.ts), and the tokens
//            and their renewal (session.ts).
//   store.ts the one state that all share (state.ts): session, clusters, discovery, address.
//
// Files without views are tested by node:test in test/features/explorer/page, with a window that api/browser.ts describes; views in Chromium.
import './sign-in/answer.js';
import { render } from 'preact';
import { store } from './store.js';
import { App } from './views/app.js';

const root = document.querySelector('#app');
if (root !== null) render(<App />, root);
store.start();
