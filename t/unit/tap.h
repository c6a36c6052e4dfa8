/*
 * TAP for the unit tests of core: ok(), is_int(), is_str() and done().
 * Everything is static: each test is one program.
 */

#ifndef _TAP_H_INCLUDED_
#define _TAP_H_INCLUDED_


#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>


static int  tap_run;
static int  tap_failed;


__attribute__((format(printf, 2, 3), unused))
static bool
ok(bool passed, const char *fmt, ...)
{
    va_list  args;

    printf("%sok %d - ", passed ? "" : "not ", ++tap_run);

    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);

    printf("\n");

    if (!passed) {
        tap_failed++;
    }

    return passed;
}


__attribute__((unused))
static bool
is_int(long long got, long long expected, const char *name)
{
    if (!ok(got == expected, "%s", name)) {
        printf("# got %lld, expected %lld\n", got, expected);
        return false;
    }

    return true;
}


__attribute__((unused))
static bool
is_str(const char *got, const char *expected, const char *name)
{
    if (!ok(got && strcmp(got, expected) == 0, "%s", name)) {
        printf("# got '%s', expected '%s'\n", got ? got : "(null)",
               expected);
        return false;
    }

    return true;
}


/* Prints the plan; what main() returns. */
__attribute__((unused))
static int
done(void)
{
    printf("1..%d\n", tap_run);

    return tap_failed ? 1 : 0;
}


#endif /* _TAP_H_INCLUDED_ */
