/*
 * noise.mjs PORT TENANT RATE: calls that often in a second until it is asked
 * to end, then tells how many answers it got of each status.
 */

import { call, Client } from './client.mjs';

const [port, id, rate] = process.argv.slice(2);
const text = call({ id, key: process.env.KEY }, 'wait');
const clients = Array.from({ length: 10 }, () => new Client(Number(port)));
const statuses = {};
const begin = performance.now();
let sent = 0;


async function send(client) {
    const { status } = await client.request(text);

    statuses[status] = (statuses[status] ?? 0) + 1;
}


process.on('SIGTERM', () => {
    console.log(JSON.stringify(statuses));
    process.exit(0);
});

await Promise.all(clients.map(async (client) => {
    for ( ;; ) {
        if (sent < (performance.now() - begin) / 1000 * rate) {
            sent++;
            await send(client);

        } else {
            await new Promise((resolve) => setTimeout(resolve, 1));
        }
    }
}));
