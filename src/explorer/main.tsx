import { render } from 'preact';

const app = document.querySelector('#app');
if (app !== null) render(<h1>Kubernetes API</h1>, app);
