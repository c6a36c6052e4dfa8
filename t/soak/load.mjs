/* Clients that call without end; every answer is counted. */

import { Client, call } from './client.mjs';
import { sleep } from './gateway.mjs';


/* Differs from one to the next, and is the same in every run. */
export function random(seed) {
    let state = seed >>> 0;

    return () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;

        return state / 2 ** 32;
    };
}


export class Load {

    /*
     * each: connections of each tenant; ms: how long a call takes at most;
     * args: what a call says beside that.
     */
    constructor(port, tenants, each, ms, args = () => ({})) {
        this.running = true;
        this.answers = new Map();
        this.resets = 0;
        this.clients = [];
        this.args = args;
        this.loops = tenants.flatMap((one, i) =>
            Array.from({ length: each }, (_, j) =>
                this.loop(port, one, ms, random(1000 * i + j))));
    }

    async loop(port, tenant, ms, next) {
        const client = new Client(port);

        this.clients.push(client);

        while (this.running) {
            try {
                const answer = await client.request(call(tenant, 'wait',
                    { ms: Math.floor(next() * ms), ...this.args() }));

                this.count(answer.status);

                if (answer.status === 429) {
                    await sleep(1 + next() * ms);
                }

            } catch {
                this.resets++;
                await sleep(next() * 10);
            }
        }
    }

    count(status) {
        this.answers.set(status, (this.answers.get(status) ?? 0) + 1);
    }

    async stop() {
        this.running = false;
        await Promise.all(this.loops);
        this.clients.forEach((client) => client.close());
    }

    get total() {
        return [...this.answers.values()].reduce((a, b) => a + b, 0);
    }

    get retries() {
        return this.clients.reduce((n, client) => n + client.retries, 0);
    }

    /* Answers with other statuses than these, as text. */
    others(...expected) {
        return [...this.answers].filter(([status]) =>
            !expected.includes(status)).map(([status, n]) =>
            `${n} x ${status}`).join(', ');
    }
}
