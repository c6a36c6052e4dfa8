/* N + k requests at once, over both workers: N pass, always. */

import { Burst, untilFree } from './burst.mjs';
import { gateway, Probe, tenant } from './gateway.mjs';
import { Upstream } from './upstream.mjs';

/* the limit, and how many more come */
const SIZES = [[1, 1], [1, 5], [2, 2], [3, 1], [5, 5], [8, 2], [16, 4], [4, 8]];


export async function bursts(t) {
    const rounds = (t.long ? 100000 : 400) / SIZES.length;
    const upstream = await new Upstream().listen();
    const tenants = SIZES.map(([n, k]) =>
        tenant(`n${n}k${k}`, { max_concurrent_requests: n }));
    const gate = await gateway('bursts', upstream, tenants);

    try {
        const burst = new Burst(upstream);
        const workers = gate.workers();
        const start = performance.now();
        const lanes = await Promise.all(SIZES.map((size, i) =>
            lane(gate, burst, tenants[i], size, workers, rounds)));
        const time = (performance.now() - start) / 1000;
        const sum = (field) =>
            lanes.reduce((total, one) => total + one[field], 0);

        t.figure('bursts', sum('bursts'), t.long ? 100000 : 400);
        t.figure('bursts in a second', Math.round(sum('bursts') / time));
        t.figure('requests admitted', sum('admitted'));
        t.figure('requests refused', sum('refused'));
        t.figure('bursts with too many admitted', sum('over'), 0);
        t.figure('bursts with too few admitted', sum('under'), 0);

        t.is(sum('over'), 0, 'never more than the limit at once');
        t.is(sum('under'), 0, 'never fewer than the limit at once');
        t.is(sum('others'), 0, 'what does not pass is refused with 429');
        t.is(sum('stuck'), 0, 'every slot comes back');
        t.is(gate.alarms().join('\n'), '', 'the error log is empty');

    } finally {
        await gate.stop();
        upstream.close();
    }
}


async function lane(gate, burst, tenant, [limit, more], workers, rounds) {
    const result = { bursts: 0, admitted: 0, refused: 0, others: 0, over: 0,
                     under: 0, stuck: 0 };

    /* half of them to each worker; one to ask with */

    const probes = Array.from({ length: limit + more + 1 }, (_, i) =>
        new Probe(gate.port, workers[i % workers.length]));
    const clients = probes.slice(1);

    for (let i = 0; i < rounds && !result.stuck; i++) {

        /* a connection that must be made anew would come late */

        for (const probe of probes) {
            if (probe.connection.closed) {
                await probe.renew();
            }
        }

        const one = await burst.run(tenant, turn(clients, i));

        result.bursts++;
        result.admitted += one.admitted;
        result.refused += one.refused;
        result.others += one.others;
        result.over += one.admitted > limit ? 1 : 0;
        result.under += one.admitted < limit ? 1 : 0;

        result.stuck += await untilFree(tenant, probes[0]) ? 0 : 1;
    }

    probes.forEach((probe) => probe.close());

    return result;
}


/* So that it is not always the same worker that is asked first. */
function turn(list, n) {
    const first = n % list.length;

    return [...list.slice(first), ...list.slice(0, first)];
}
