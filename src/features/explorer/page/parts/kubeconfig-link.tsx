import { useState } from 'preact/hooks';
import { messageOf } from '../api/client.js';
import { store } from '../store.js';

/** A link to a kubeconfig for this proxy. The browser follows it, except if the request needs the user's token. */
export function KubeconfigLink() {
  const { client } = store;
  const [problem, setProblem] = useState('');
  const save = async () => {
    try {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(await client.kubeconfig());
      link.download = fileName;
      link.click();
      URL.revokeObjectURL(link.href);
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  return (
    <>
      <a
        href={client.kubeconfigUrl}
        download={fileName}
        onClick={event => {
          if (client.tokens.size === 0) return;
          event.preventDefault();
          void save();
        }}
      >
        a kubeconfig for this proxy
      </a>
      {problem !== '' && ` (${problem})`}
    </>
  );
}

const fileName = 'kubeconfig.yaml';
