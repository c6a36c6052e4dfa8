/*
 * Bursts: all requests at once, each call held until every one of them has
 * either reached the tenant's server or been refused.
 */

import { call, get } from './client.mjs';
import { sleep } from './gateway.mjs';


export class Burst {

    constructor(upstream) {
        this.rounds = new Map();
        this.last = 0;

        upstream.onHold = (held) => {
            const round = this.rounds.get(held.args.round);

            round.held.push(held);
            round.look();
        };
    }

    /* One request on each of the clients: {admitted, refused, others}. */
    async run(tenant, clients) {
        const id = ++this.last;
        const round = { held: [], refused: 0, others: 0, look: null };
        const text = call(tenant, 'hold', { round: id });

        this.rounds.set(id, round);

        const all = new Promise((resolve) => {
            round.look = () => {
                if (round.held.length + round.refused + round.others
                    === clients.length)
                {
                    resolve();
                }
            };
        });

        const answers = clients.map(async (client) => {
            const held = round.held;

            try {
                const { status } = await client.request(text);

                if (status === 429) {
                    round.refused++;

                } else if (status !== 200 || held.length === 0) {
                    round.others++;
                }

            } catch {
                round.others++;
            }

            round.look();
        });

        await all;

        const result = { admitted: round.held.length, refused: round.refused,
                         others: round.others };

        round.held.forEach((held) => held.answer());
        await Promise.all(answers);
        this.rounds.delete(id);

        return result;
    }
}


/*
 * Waits until the tenant holds no slot: the last byte of an answer is read
 * before the worker that sent it has done everything else.
 */
export async function untilFree(tenant, client, ms = 10000) {
    const text = get(`/tenant/${tenant.id}/metrics`, tenant.key);
    const start = performance.now();

    for ( ;; ) {
        const { body } = await client.request(text);
        const n = body.match(/^nginx_mcp_tenant_requests_in_flight\S* (\d+)$/m);

        if (n?.[1] === '0') {
            return true;
        }

        if (performance.now() - start > ms) {
            return false;
        }

        await sleep(1);
    }
}
