/**
 * Imported first, for its effect alone. On SIGUSR1 Node opens its inspector, a port on which every user of the machine and every container
 * of the Pod can run code as this process. A listener for the signal replaces Node's own. `--disable-sigusr1`, which
 * Node has since 22.14, does so before anything is loaded.
 */
process.on('SIGUSR1', () => {});
