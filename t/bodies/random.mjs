/* Chance that one number repeats: the same seed, the same choices. */

export class Random {

    constructor(seed) {
        this.state = seed >>> 0;
    }


    /* Of 32 bits (mulberry32). */
    next() {
        this.state = (this.state + 0x6d2b79f5) >>> 0;

        let x = this.state;

        x = Math.imul(x ^ (x >>> 15), x | 1);
        x ^= x + Math.imul(x ^ (x >>> 7), x | 61);

        return (x ^ (x >>> 14)) >>> 0;
    }


    below(n) {
        return this.next() % n;
    }


    oneIn(n) {
        return this.below(n) === 0;
    }


    pick(list) {
        return list[this.below(list.length)];
    }


    shuffle(list) {
        for (let i = list.length - 1; i > 0; i--) {
            const other = this.below(i + 1);

            [list[i], list[other]] = [list[other], list[i]];
        }
    }
}
