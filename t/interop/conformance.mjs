/*
 * The table of "make conformance": how each scenario of the official suites
 * ends for a server, for the same server behind the gateway, and for it
 * behind rules that allow everything.
 */

import { join } from 'node:path';

import { repo, stopAll } from './processes.mjs';
import { conformance } from './suite.mjs';


async function main() {
    const dir = join(repo, 'build/conformance');
    const { sides, rows, doubts } = await conformance(dir);
    const lines = [['suite', 'scenario', ...sides],
                   ...rows.map(({ suite, scenario, ends }) =>
                       [suite, scenario, ...ends])];
    const widths = lines[0].map((head, i) =>
        Math.max(...lines.map((cells) => cells[i].length)));
    const wrong = [[], ...rows.map((row) => row.wrong)];

    lines.forEach((cells, i) => {
        const padded = cells.map((cell, j) => cell.padEnd(widths[j]));

        console.log([...padded, wrong[i].length ? 'WRONG' : ''].join('  ')
                                                               .trimEnd());

        for (const line of wrong[i]) {
            console.log(`    ${line}`);
        }
    });

    for (const line of doubts) {
        console.log(`WRONG: ${line}`);
    }

    const count = wrong.filter((list) => list.length).length;

    console.log(`${rows.length} scenarios, ${count} end in another way than `
                + 'direct');

    return count || doubts.length ? 1 : 0;
}


try {
    process.exitCode = await main();

} finally {
    await stopAll();
}
