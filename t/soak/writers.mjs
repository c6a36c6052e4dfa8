/*
 * Two writers replace the whole volume of files again and again, each with
 * its own, as Kubernetes replaces a ConfigMap: by turning one link.  What is
 * served is what one of them wrote, never some files of each.
 */

import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync,
         writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { makeKey } from '../interop/gateway.mjs';
import { call } from './client.mjs';
import { everywhere, gateway, Probe, sleep, tenant } from './gateway.mjs';
import { Load, random } from './load.mjs';
import { Upstream } from './upstream.mjs';

const WRITERS = ['a', 'b'];

/* tenants more, so that some time passes from the first file to the last */
const BALLAST = 300;


/* The tenant "mixed" has the key and the server of the last writer alone. */
class Volume {

    constructor(gate) {
        this.gate = gate;
        this.conf = join(gate.dir, 'conf');
        this.writes = 0;

        gate.tenants.push(...Array.from({ length: BALLAST }, (_, i) => ({
            id: `ballast-${i}`, keys: [], empty: true,
            quotas: { max_concurrent_requests: 1 },
        })));

        /* in place of the files that are there */

        this.write('a');

        for (const file of ['tenants.yaml', 'catalogs']) {
            rmSync(join(this.conf, file), { recursive: true });
            symlinkSync(join('..data', file), join(this.conf, file));
        }
    }

    write(writer) {
        const { conf, gate } = this;
        const name = `..${++this.writes}`;

        for (const key of gate.tenants[0].keys) {
            key.enabled = key.name === writer;
        }

        mkdirSync(join(conf, name, 'catalogs'), { recursive: true });
        writeFileSync(join(conf, name, 'tenants.yaml'), gate.text());
        this.catalog(name, 'mixed', writer);
        this.catalog(name, 'other', 's');

        symlinkSync(name, join(conf, '..next'));
        renameSync(join(conf, '..next'), join(conf, '..data'));
        this.writer = writer;
        this.time = performance.now();

        for (const old of readdirSync(conf)) {
            if (/^\.\.\d+$/.test(old) && old !== name) {
                rmSync(join(conf, old), { recursive: true });
            }
        }
    }

    catalog(name, id, server) {
        writeFileSync(join(this.conf, name, `catalogs/${id}.yaml`),
            `servers:\n  - id: ${server}\n    runtime: `
            + `{type: remote, url: "${this.gate.upstream.url(id)}"}\n`);
    }
}


/*
 * Asks again and again what can be had; counts the answers of each kind.  A
 * call whose key is revoked meanwhile may be cut.
 */
class Observer {

    constructor(probe, keys) {
        this.seen = { own: 0, gone: 0, mixed: 0, others: 0, cut: 0 };
        this.running = true;
        this.done = this.observe(probe, WRITERS.flatMap((of) =>
            WRITERS.map((server) => ({
                own: of === server,
                text: call({ id: 'mixed', key: keys[of], server }, 'wait'),
            }))));
    }

    async observe(probe, questions) {
        while (this.running) {
            for (const { own, text } of questions) {
                const { status } = await probe.request(text)
                    .catch(() => ({ status: 0 }));
                const kind = status === 0 ? 'cut'
                           : status === 200 ? (own ? 'own' : 'mixed')
                           : status === 401 || (status === 404 && !own)
                             ? 'gone' : 'others';

                this.seen[kind]++;
            }
        }
    }

    async stop() {
        this.running = false;
        await this.done;

        return this.seen;
    }
}


export async function writers(t) {
    const count = t.long ? 1000 : 200;
    const ms = t.long ? 10000 : 2000;
    const period = ms / count * WRITERS.length;
    const upstream = await new Upstream().listen();
    const mixed = tenant('mixed', { max_concurrent_requests: 1000 });
    const other = tenant('other', { max_concurrent_requests: 1000 });

    mixed.keys = WRITERS.map((name) => ({ name, ...makeKey('mixed', name) }));

    const keys = Object.fromEntries(mixed.keys.map((one) =>
        [one.name, one.key]));
    let volume;

    const gate = await gateway('writers', upstream, [mixed, other], {
        prepare(one) {
            volume = new Volume(one);
        },
    });
    const probes = gate.workers().map((one) => new Probe(gate.port, one));

    try {
        const load = new Load(gate.port, [other], 10, 20);
        const observers = probes.map((one) => new Observer(one, keys));
        const first = (await gate.status()).config.announced;
        const start = performance.now();

        await Promise.all(WRITERS.map(async (writer, i) => {
            const next = random(i);

            for (let n = 0; n < count / WRITERS.length; n++) {
                await sleep(start + (n + next()) * period
                            - performance.now());
                volume.write(writer);
            }
        }));

        const written = performance.now() - start;
        const { writer, time } = volume;
        const loser = WRITERS.find((one) => one !== writer);
        const text = (key) => call({ id: 'mixed', key: keys[key],
                                     server: writer }, 'wait');
        const seen = { own: 0, gone: 0, mixed: 0, others: 0, cut: 0 };

        for (const observer of observers) {
            for (const [kind, n] of Object.entries(await observer.stop())) {
                seen[kind] += n;
            }
        }

        const won = Math.max(await everywhere(probes, time, text(writer), 200),
                             await everywhere(probes, time, text(loser), 401));
        const last = (await gate.status()).config.announced;

        await load.stop();

        t.figure('volumes written', volume.writes - 1, count);
        t.figure('seconds that took', (written / 1000).toFixed(1),
                 `<= ${ms / 1000}`);
        t.figure('of them served', last - first);
        t.figure('answers that fit one volume', seen.own + seen.gone);
        t.figure('answers that fit a mix of two', seen.mixed, 0);
        t.figure('calls cut as their key was revoked', seen.cut);
        t.figure('ms until the last one is served', won.toFixed(1), '<= 2000');
        t.figure('calls of another tenant', load.total);
        t.figure('calls failed', load.total - load.answers.get(200)
                                 + load.resets, 0);

        t.is(seen.mixed, 0, 'a configuration is one volume, never a mix');
        t.is(seen.others, 0, 'each answer fits one');
        t.ok(seen.own > 0, 'some are served meanwhile');
        t.ok(won <= (t.long ? 2000 : 10000), 'the last one is served');
        t.is(load.others(200), '', 'no call fails');
        t.is(load.resets, 0, 'no connection is cut');
        t.is(gate.alarms(VANISHED).join('\n'), '',
             'the error log tells of files that vanished at most');

    } finally {
        probes.forEach((probe) => probe.close());
        await gate.stop();
        upstream.close();
    }
}


/* What a reader may meet whose volume is removed. */
const VANISHED = new RegExp('cannot be opened|was replaced while'
    + '|changed while they were read|is refused; what was');
