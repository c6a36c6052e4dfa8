/*
 * Preload (node --import) for servers that listen on all interfaces: whatever
 * they ask for, they get 127.0.0.1.  Says "ready PORT" on stdout once it
 * listens, so that nobody has to poll.
 */

import { Server } from 'node:net';

const listen = Server.prototype.listen;

Server.prototype.listen = function (...args) {
    const done = args.findLast((arg) => typeof arg === 'function');
    const first = args[0];
    const port = typeof first === 'object' && first ? first.port : first;

    this.once('listening', () => {
        process.stdout.write(`ready ${this.address().port}\n`);
    });

    return listen.call(this, { port: Number(port ?? 0), host: '127.0.0.1' },
                       done);
};
