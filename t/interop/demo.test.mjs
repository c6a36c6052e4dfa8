/* The demo says what keeps it from starting, and leaves nothing behind. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, test } from 'node:test';

import { repo, start, stopAll } from './processes.mjs';

after(stopAll);


function demo(port) {
    const { status, stderr } = spawnSync('t/demo/run', {
        cwd: repo, env: { ...process.env, DEMO_PORT: String(port) },
        encoding: 'utf8', timeout: 20000,
    });

    return { status, stderr };
}


for (const port of ['http', '0x', '65536', '-1', '1.5']) {
    test(`DEMO_PORT=${port} is refused`, () => {
        assert.deepEqual(demo(port), {
            status: 1,
            stderr: `DEMO_PORT=${port} is no port, expected 1 to 65535\n`,
        });
    });
}


test('a port in use is refused, and another one named', async () => {
    const server = createServer();

    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

    const { port } = server.address();

    assert.deepEqual(demo(port), {
        status: 1,
        stderr: `Port ${port} of 127.0.0.1 is in use.  Choose another:`
                + ` DEMO_PORT=${port + 1} make demo\n`,
    });
    server.close();
});


/* Workers whose master was killed would hold our pipes, and us with them. */
test('what a killed program started ends with it', { timeout: 20000 },
     async () =>
{
    const shell = start('/bin/sh', ['-c', 'sleep 600 & echo $!; wait']);

    while (!/^\d+\n/.test(shell.output)) {
        await new Promise((resolve) => shell.child.stdout.once('data',
                                                               resolve));
    }

    const closed = new Promise((resolve) => shell.child.on('close',
                                                           resolve));

    shell.child.kill('SIGKILL');
    await closed;

    assert.ok(!existsSync(`/proc/${shell.output.trim()}/cwd`));
});
