/* A limit is lowered and raised under load. */

import { makeKey } from '../interop/gateway.mjs';
import { Burst, untilFree } from './burst.mjs';
import { call, connectToAll } from './client.mjs';
import { everywhere, gateway, Probe, sleep, tenant } from './gateway.mjs';
import { Load, random } from './load.mjs';
import { Upstream } from './upstream.mjs';

const MOST = 12;


export async function limits(t) {
    const count = t.long ? 300 : 20;
    const upstream = await new Upstream().listen();
    const one = tenant('t0', { max_concurrent_requests: MOST });
    const other = tenant('t1', { max_concurrent_requests: 100 });

    other.keys.push({ name: 'toggle', ...makeKey('t1', 'toggle') });

    const gate = await gateway('limits', upstream, [one, other]);
    const probes = gate.workers().map((pid) => new Probe(gate.port, pid));
    const next = random(3);
    const burst = new Burst(upstream);
    const wrong = [];
    let phase = -1;
    let limit = MOST;
    let judged = 0;
    let over = 0;

    /* those that were let in before the limit was known are not judged */

    upstream.onCall = (held, open) => {
        if (held.tenant === 't0' && phase > 0
            && held.args.phase === phase)
        {
            judged++;
            over += open > limit ? 1 : 0;
        }
    };

    try {
        const answers = { passed: 0, limited: 0, others: '' };

        for (let i = 0; i < count; i++) {
            const load = new Load(gate.port, [one], 2 * MOST, 20,
                                  () => ({ phase }));

            await sleep(50);
            limit = 1 + Math.floor(next() * MOST);
            one.quotas.max_concurrent_requests = limit;
            phase = -1;

            if (await set(gate, probes, other) === Infinity) {
                wrong.push('a limit was not taken');
            }

            phase = i + 1;
            await sleep(100);
            phase = -1;
            await load.stop();

            answers.passed += load.answers.get(200) ?? 0;
            answers.limited += load.answers.get(429) ?? 0;
            answers.others += load.others(200, 429);

            wrong.push(...await exactly(gate, burst, one, limit));
        }

        t.figure('limits lowered or raised', count);
        t.figure('calls passed', answers.passed);
        t.figure('calls limited', answers.limited);
        t.figure('calls judged against a new limit', judged);
        t.figure('calls over a limit', over, 0);

        t.ok(judged > 0, 'calls come while a limit is new');
        t.is(over, 0, 'none is let in over the limit');
        t.is(wrong.join(', '), '', 'each limit is exact');
        t.is(answers.others, '', 'calls are answered, or limited');
        t.ok(await gate.idle() < Infinity, 'every gauge is 0 in the end');
        t.is(gate.alarms().join('\n'), '', 'the error log is empty');

    } finally {
        probes.forEach((probe) => probe.close());
        await gate.stop();
        upstream.close();
    }
}


/* Writes the file; a key of another tenant tells when it is in force. */
function set(gate, probes, { id, keys: [, toggle] }) {
    toggle.enabled = !(toggle.enabled ?? true);

    return everywhere(probes, gate.write(),
                      call({ id, key: toggle.key }, 'wait'),
                      toggle.enabled ? 200 : 401);
}


async function exactly(gate, burst, tenant, limit) {
    const lists = await connectToAll(gate.port, gate.workers(), MOST);
    const all = lists[0].flatMap((one, i) => [one, lists[1][i]]);
    const wrong = [];

    if (!await untilFree(tenant, all[0])) {
        wrong.push('slots are lost');
    }

    const { admitted } = await burst.run(tenant, all);

    if (admitted !== limit) {
        wrong.push(`${admitted} instead of ${limit}`);
    }

    all.forEach((one) => one.close());

    return wrong;
}
