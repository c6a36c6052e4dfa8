/* The programs that put core alone through the same, many more times. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { repo, start } from '../interop/processes.mjs';

const PROGRAMS = ['process', 'rows', 'limit', 'limits_crash',
                  'limits_break_take', 'limits_break_order',
                  'limits_break_reap'];

const DEMANDED = {
    'arrivals are judged as by a bucket that leaks': '>= 1000000',
};


export async function core(t) {
    for (const name of PROGRAMS) {
        const path = join(repo, 'build/obj/t/unit', name);

        if (!existsSync(path)) {
            throw new Error(`${path} is not built: type "make units"`);
        }

        const begin = performance.now();
        const program = start(path, []);
        const code = await program.ended;
        const lines = program.output.split('\n');
        const passed = lines.filter((line) => line.startsWith('ok '));
        const failed = lines.filter((line) => line.startsWith('not ok '));

        t.figure(`${name}: tests passed`, passed.length);
        t.figure(`${name}: seconds`,
                 ((performance.now() - begin) / 1000).toFixed(1));

        for (const line of lines) {
            const figure = line.match(/^ok \d+ - (?:.*?: )?(\d{3,}) (.+)/);

            if (figure) {
                t.figure(`${name}: ${figure[2]}`, figure[1],
                         DEMANDED[figure[2]]);
            }
        }

        t.is(failed.join('\n'), '', `${name}: no test fails`);
        t.ok(code === 0 && passed.length > 0, `${name}: runs to its end`);
    }
}
