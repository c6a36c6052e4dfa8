/*
 * The soak: soak.mjs [--tap] [SCENARIO...]
 * Says in TAP what holds, and prints a table of figures at the end.  SOAK=long
 * takes about an hour, anything else a few minutes.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { repo, stopAll } from '../interop/processes.mjs';
import { bursts } from './bursts.mjs';
import { core } from './core.mjs';
import { crashes } from './crashes.mjs';
import { filter } from './filter.mjs';
import { hups } from './hups.mjs';
import { isolation } from './isolation.mjs';
import { kills } from './kills.mjs';
import { limits } from './limits.mjs';
import { broken, rewrites } from './rewrites.mjs';
import { sessions } from './sessions.mjs';
import { writers } from './writers.mjs';

const scenarios = { core, kills, crashes, bursts, rewrites, writers, broken,
                    hups, limits, isolation, sessions, filter };


/* What a scenario says. */
class Report {

    constructor(name, long) {
        this.name = name;
        this.long = long;
        this.figures = [];
        this.failed = 0;
    }

    static count = 0;

    ok(passed, what) {
        Report.count++;
        console.log(`${passed ? 'ok' : 'not ok'} ${Report.count} - `
                    + `${this.name}: ${what}`);

        if (!passed) {
            this.failed++;
        }

        return passed;
    }

    is(got, expected, what) {
        if (this.ok(Object.is(got, expected), what)) {
            return true;
        }

        for (const line of String(got).split('\n').slice(0, 10)) {
            console.error(`# got: ${line}`);
        }

        console.error(`# expected: ${expected}`);

        return false;
    }

    /* demanded: what it has to be, where something is */
    figure(what, value, demanded = '') {
        this.figures.push([what, String(value), String(demanded)]);
    }
}


function table(reports, mark) {
    const rows = [['', '', 'measured', 'demanded'],
                  ...reports.flatMap(({ name, figures }) =>
                      figures.map((figure) => [name, ...figure]))];
    const width = (i) => Math.max(...rows.map((row) => row[i].length));

    for (const [name, what, value, demanded] of rows) {
        console.log((`${mark}${name.padEnd(width(0))}  `
                     + `${what.padEnd(width(1))}  ${value.padStart(width(2))}  `
                     + demanded.padStart(width(3))).trimEnd());
    }
}


const args = process.argv.slice(2);
const names = args.filter((arg) => arg !== '--tap');
const reports = [];

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => process.exit(1));
}

for (const name of names.length ? names : Object.keys(scenarios)) {
    const report = new Report(name, process.env.SOAK === 'long');
    const start = performance.now();

    reports.push(report);

    try {
        await scenarios[name](report);

    } catch (error) {
        report.ok(false, 'runs to its end');
        console.log(`# ${error.stack.replaceAll('\n', '\n# ')}`);
    }

    report.figure('seconds', ((performance.now() - start) / 1000).toFixed(1));
    await stopAll();
}

console.log(`1..${Report.count}`);
table(reports, args.includes('--tap') ? '# ' : '');

const failed = reports.reduce((n, report) => n + report.failed, 0);

if (!failed && !names.length) {
    rmSync(join(repo, 'build/soak'), { recursive: true, force: true });
}

process.exit(failed ? 1 : 0);
