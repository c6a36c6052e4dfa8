/* tenants.yaml is written again and again, well and badly. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { makeKey } from '../interop/gateway.mjs';
import { repo } from '../interop/processes.mjs';
import { call, listen, Stream } from './client.mjs';
import { everywhere, gateway, Probe, quantiles, tenant, until, usage }
    from './gateway.mjs';
import { Load, random } from './load.mjs';
import { Upstream } from './upstream.mjs';

const CLI = process.env.MCP_TENANT ?? join(repo, 'build/mcp-tenant');
const QUOTAS = { max_concurrent_requests: 1000 };


/* A gateway with a key that comes and goes, streams, and calls. */
async function setUp(name, nstreams) {
    const upstream = await new Upstream().listen();
    const tenants = Array.from({ length: 10 }, (_, i) =>
        tenant(`t${i}`, { ...QUOTAS }));
    const toggle = { name: 'toggle', ...makeKey('t0', 'toggle') };

    tenants[0].keys.push(toggle);

    const gate = await gateway(name, upstream, tenants);
    const streams = Array.from({ length: nstreams }, (_, i) =>
        new Stream(gate.port, listen(tenants[i % tenants.length])));

    await Promise.all(streams.map((stream) => stream.opened));

    const probes = gate.workers().map((one) => new Probe(gate.port, one));

    return {
        upstream, tenants, toggle, gate, streams, probes,
        load: new Load(gate.port, tenants, 2, 20),
        text: call({ id: 't0', key: toggle.key }, 'wait'),

        async tearDown() {
            probes.forEach((probe) => probe.close());
            streams.forEach((stream) => stream.close());
            await gate.stop();
            upstream.close();
        },
    };
}


/* Turns the key over; milliseconds until every worker knows. */
function turn(s) {
    s.toggle.enabled = !(s.toggle.enabled ?? true);

    return everywhere(s.probes, s.gate.write(), s.text,
                      s.toggle.enabled ? 200 : 401);
}


function sum(list) {
    return list.reduce((a, b) => a + b, 0);
}


async function judge(t, s, before) {
    const workers = s.gate.workers();
    const faults = s.streams.flatMap((stream) => stream.faults);
    const events = s.streams.map((stream) => stream.events);

    await s.load.stop();

    t.figure('calls meanwhile', s.load.total);
    t.figure('calls failed', s.load.total - s.load.answers.get(200)
                             + s.load.resets, 0);
    t.figure('streams open', s.streams.length);
    t.figure('streams cut or with a gap', faults.length, 0);
    t.figure('fewest events of a stream', Math.min(...events));

    t.is(s.load.others(200), '', 'no call fails');
    t.is(s.load.resets, 0, 'no connection is cut');
    t.is(faults.join(', '), '', 'no stream is cut');
    t.is(workers.join(), before.join(), 'the workers are the same');
    t.ok(await until(10000, async () => s.streams.length
             === sum([...(await s.gate.inFlight()).values()])) < Infinity,
         'what is in flight are the streams');
}


export async function rewrites(t) {
    const count = t.long ? 1000 : 40;
    const s = await setUp('rewrites', t.long ? 200 : 50);

    try {
        const workers = s.gate.workers();
        const pids = [...workers, ...s.gate.loaders()];
        const times = [];
        let before = pids.map(usage);

        for (let i = 0; i < count && !times.includes(Infinity); i++) {

            /* with something else that moves rows and sizes */

            s.tenants.at(-1).quotas.max_concurrent_requests = 1000 + i;

            if (i % 5 === 0) {
                s.tenants.push(s.tenants.splice(1, 1)[0]);
            }

            times.push(await turn(s));

            if (i === Math.floor(count / 4)) {
                before = pids.map(usage);
            }
        }

        const { p50, p99, max } = quantiles(times);

        t.figure('rewrites', times.length, count);
        t.figure('ms until every worker enforces, median', p50.toFixed(1));
        t.figure('ms until every worker enforces, p99', p99.toFixed(1),
                 '<= 500');
        t.figure('ms until every worker enforces, most', max.toFixed(1),
                 '<= 2000');
        t.ok(max <= (t.long ? 2000 : 10000), 'every rewrite is enforced');
        t.ok(!t.long || p99 <= 500, 'nearly all of them soon');

        if (t.is([...s.gate.workers(), ...s.gate.loaders()].join(),
                 pids.join(), 'no process ends'))
        {
            memory(t, before, pids.map(usage));
        }

        await judge(t, s, workers);
        t.is(s.gate.alarms().join('\n'), '', 'the error log is empty');

    } finally {
        await s.tearDown();
    }
}


function memory(t, before, after) {
    const most = (field) => Math.max(...after.map((one, i) =>
        one[field] - before[i][field]));

    t.figure('KiB of a worker\'s own memory', after[0].own);
    t.figure('KiB grown in one process, own memory', most('own'), '<= 1024');
    t.figure('KiB grown in one process, all memory', most('rss'));
    t.figure('open files more in one process', most('files'), '<= 0');
    t.figure('images mapped by one worker',
             Math.max(...after.map((one) => one.images)));

    t.ok(most('own') <= (t.long ? 1024 : 2048), 'memory stays flat');
    t.ok(most('files') <= 0, 'files are closed');
    t.ok(after.every((one) => one.images <= 4), 'old images are dropped');
}


const DAMAGE = [
    (text, next) => text.slice(0, Math.floor(next() * text.length)),
    (text, next) => onLine(text, next, (line) => `${line}\n${line}`),
    (text, next) => onLine(text, next, (line) => `${line}\n    what: 1`),
    (text, next) => onLine(text, next, (line) => line.replace(/:.*/, ': [1')),
    (text, next) => onLine(text, next, (line) => line.replace(/:.*/, ': &a x')),
    (text, next) => onLine(text, next, (line) => line.replace(/:.*/, ': -1')),
    (text, next) => onLine(text, next, (line) => `\t${line}`),
    (text, next) => onLine(text, next, (line) => ` ${line}`),
    (text, next) => onLine(text, next, (line) => line.replace(/[a-z]:/, ':')),
    (text, next) => onLine(text, next, (line) => line.slice(0, -2)),
    (text, next) => onLine(text, next, (line) => `${line}\u0007`),
    (text, next) => onLine(text, next, (line) => line.replace('sha256', 'md5')),
];


function onLine(text, next, change) {
    const lines = text.split('\n');
    const n = Math.floor(next() * (lines.length - 1));

    lines[n] = change(lines[n]);

    return lines.join('\n');
}


/* What the CLI says of the text, or null when it finds nothing wrong. */
function check(gate, text) {
    const name = 'check-tenants.yaml';

    gate.write(text, name);

    const { status, stdout, stderr } = spawnSync(CLI,
        ['check', '--upstream-allow', '127.0.0.0/8',
         join(gate.dir, 'conf', name)], { encoding: 'utf8' });

    return status === 0
        ? null : `${stdout}${stderr}`.replaceAll(name, 'tenants.yaml');
}


/* n texts that are wrong each in its own way: [{text, says}]. */
function brokenTexts(gate, n) {
    const next = random(7);
    const seen = new Map();
    const good = gate.text();

    for (let i = 0; seen.size < n && i < 100 * n; i++) {
        const text = DAMAGE[i % DAMAGE.length](good, next);
        const says = check(gate, text);

        if (says && !seen.has(says)) {
            seen.set(says, text);
        }
    }

    return [...seen].map(([says, text]) => ({ text, says }));
}


export async function broken(t) {
    const count = t.long ? 200 : 40;
    const s = await setUp('broken', 20);

    try {
        const workers = s.gate.workers();
        const texts = brokenTexts(s.gate, count);
        const times = [];
        const unsaid = [];
        let refused = 0;

        await turn(s);
        await turn(s);

        const { generation } = (await s.gate.status()).config;

        for (const { text, says } of texts) {
            const size = s.gate.logSize();

            s.gate.write(text);

            const time = await until(10000, () =>
                s.gate.log().slice(size).includes('is refused; what was'));
            const first = says.split('\n')[0];

            refused += time < Infinity ? 1 : 0;
            times.push(time);

            if (!s.gate.log().slice(size).includes(first)) {
                unsaid.push(first);
            }
        }

        const status = await s.gate.status();

        t.figure('broken files', texts.length, count);
        t.figure('broken files refused', refused, count);
        t.figure('ms until refused, median',
                 quantiles(times).p50.toFixed(1));
        t.figure('ms until refused, most', quantiles(times).max.toFixed(1));

        t.is(texts.length, count, 'files are broken in many ways');
        t.is(refused, texts.length, 'each is refused');
        t.is(unsaid.join('\n'), '', 'with the words of mcp-tenant check');
        t.is(status.config.generation, generation, 'what was good serves on');

        const cured = await turn(s);

        t.figure('ms until cured', cured.toFixed(1));
        t.ok(cured < Infinity, 'a good file is taken again');
        await judge(t, s, workers);

    } finally {
        await s.tearDown();
    }
}
