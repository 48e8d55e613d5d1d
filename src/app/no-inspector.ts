/**
 * Import this first: it prevents SIGUSR1 from opening Node's inspector, a port on which every user of the machine and every container of
 * the Pod can run code as this process. A listener for the signal replaces Node's own. Since Node 22.14, `--disable-sigusr1` does the same
 * before anything is loaded.
 */
process.on('SIGUSR1', () => {});
